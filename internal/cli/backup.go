package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/policy"
)

var backupCommand = command{
	name: "backup", args: "--store WHERE --output FILE",
	short: "Copy a store into a file while it is in use.",
	long: `The file is what the store was at one moment, whole or not there at all, and nobody
else can read it. The journal of erasures is written beside it: keep the newest one,
since a restore of an older backup needs it. Private keys are in no store and in no
backup: keep the folder of keys by other means, and elsewhere.

Of PostgreSQL it is what pg_dump writes, which must be installed.`,
	run: runBackup,
}

func runBackup(ctx context.Context, c *call) int {
	where := c.storeFlag()
	file := c.flags.String(outputFlag, "", "Write the backup to this `file`, or into this folder under a name with the time.")
	if code, ok := c.parse(); !ok {
		return code
	}
	if *file == "" || len(c.args) > 0 {
		return c.fail("where to? Write one file or folder, after --%s", outputFlag)
	}
	name := *file
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, "temoin-"+c.Now().UTC().Format("20060102T150405Z")+".backup")
	}
	if err := c.refuseSecret(outputFlag, name); err != nil {
		return c.fail("%v", err)
	}
	s, err := besideStore(ctx, *where)
	if err != nil {
		return c.failLines("", err)
	}
	defer s.Close()
	journal, err := s.Backup(ctx, name)
	if err != nil {
		return c.broke("", unwritable(err))
	}
	_, err = fmt.Fprintf(c.Out, "%s\n%s\n", name, journal)
	return c.written(err)
}

var restoreCommand = command{
	name: "restore", args: "[BACKUP] --store WHERE",
	short: "Put a backup into a new store, and verify everything in it.",
	long: `WHERE is a folder without a store, or an empty database. Everything is compared before
it is said to be done: the database with itself, each log with its tiles, its head, its
checkpoint and the key, each record with its entry, the counters with the log, records
that are gone with their terms and erasures, each version with its evidence.
What was erased after the backup was made is erased again: give the newest journal that
you have. A folder that still has the journal of the store that was lost is read too.

--checkpoint tells how far a log was: a copy from a witness, an anchor, a receipt's log.
A backup that is behind it has lost acknowledged choices, and is refused. With
--accept-loss it is restored, and that log is never signed on, since that would
contradict what was signed: see docs/life-of-data.md.

In PostgreSQL it runs pg_restore; without BACKUP it verifies what you have restored
there by other means, and erases what was erased since.`,
	run: runRestore,
}

// mostJournal is what is read of a journal of erasures at most.
const mostJournal = 1 << 30

func runRestore(ctx context.Context, c *call) int {
	where := c.flags.String("store", "", "The new store: a `place`, which is a folder or postgres://…")
	var keys, checkpoints, journals names
	c.flags.Var(&keys, "key", "Trust this public key of a log, or those in this `file`, besides those in the backup; can be given more than once.")
	c.flags.Var(&checkpoints, "checkpoint", "A `file` with a signed checkpoint; can be given more than once.")
	c.flags.Var(&journals, "journal", "A `file` with a journal of erasures; can be given more than once.")
	accept := c.flags.Bool("accept-loss", false, "Restore a backup that is behind a checkpoint.")
	if code, ok := c.parse(); !ok {
		return code
	}
	how, err := restoring(keys, checkpoints, journals)
	if err != nil {
		return c.fail("%v", err)
	}
	how.AcceptLoss, how.Now = *accept, c.Now()
	if err := restorable(*where, c.args); err != nil {
		return c.fail("not restored: %v", err)
	}
	held, release := hold(ctx) // until it is restored, or what was made is removed
	r, err := restoreStore(held, *where, c.args, how)
	err = cmp.Or(release(), err)
	var behind *store.Behind
	switch {
	case errors.As(err, &behind):
		fmt.Fprintf(c.Err, "temoin restore: not restored: %s\nUse a newer backup. If there is none, --accept-loss restores this one.\n", visibleLines(err.Error()))
		return found
	case err != nil:
		return c.broke("not restored: ", err)
	}
	_, err = io.WriteString(c.Out, restoredText(*where, r))
	return c.written(err)
}

func inPostgres(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://")
}

// restorable refuses what is missing from the command.
func restorable(where string, args []string) error {
	switch {
	case where == "":
		return errors.New("where to? Write a folder or postgres://… after --store")
	case len(args) > 1 || len(args) == 0 && !inPostgres(where):
		return errors.New("which backup? Write the name of one file")
	}
	return nil
}

func restoreStore(ctx context.Context, where string, args []string, how store.Restoring) (store.Restored, error) {
	if !inPostgres(where) {
		return store.Restore(ctx, args[0], where, how)
	}
	return store.RestorePostgres(ctx, strings.Join(args, ""), where, how)
}

// restoring reads what is known besides the backup.
func restoring(keys, checkpoints, journals []string) (how store.Restoring, err error) {
	if len(keys) > 0 {
		trusted, err := readKeys(keys)
		if err != nil {
			return how, err
		}
		how.Keys = append([]ledger.Verifier(nil), trusted.logs...)
	}
	for _, file := range checkpoints {
		note, err := readWhole(file, "checkpoint", mostReceipt)
		if err != nil {
			return how, err
		}
		if err := refuseReceipt(file, note); err != nil {
			return how, err
		}
		how.Checkpoints = append(how.Checkpoints, note)
	}
	for _, file := range journals {
		text, err := readWhole(file, "journal", mostJournal)
		if err != nil {
			return how, err
		}
		list, err := store.ReadJournal(string(text))
		if err != nil {
			return how, fmt.Errorf("%s: %w", file, err)
		}
		how.Erased = append(how.Erased, list...)
	}
	return how, nil
}

// refuseReceipt refuses JSON in the place of a checkpoint, which is lines of text.
func refuseReceipt(file string, note []byte) error {
	text := bytes.TrimSpace(note)
	if !bytes.HasPrefix(text, []byte("{")) {
		return nil
	}
	var r register.Receipt
	if json.Unmarshal(text, &r) == nil && r.Log != nil && r.Log.Checkpoint != "" {
		return fmt.Errorf("--checkpoint: %s is a receipt, and the checkpoint is a part of it: write that to a file and name it (jq -j .log.checkpoint %s >checkpoint)", file, file)
	}
	return fmt.Errorf("--checkpoint: %s is no checkpoint but JSON, such as a receipt without its proof: give the log's checkpoint, as the site gives it out at /.temoin/log/checkpoint, or a witness, or an anchor", file)
}

func restoredText(where string, r store.Restored) string {
	var b strings.Builder
	if i := strings.LastIndex(where, "@"); strings.Contains(where, "://") && i >= 0 {
		where = "postgres://…" + where[i:] // without a password
	}
	fmt.Fprintf(&b, "Restored to %s, and verified.\n", policy.Visible(where))
	for _, v := range r.Sites {
		fmt.Fprintf(&b, "  %s: %d entries in the log, %d of them signed; %s kept of them, %d removed in their time; %d wait for the log; %d versions with their evidence\n",
			policy.Visible(v.Site), v.Head.Size, min(v.Signed, v.Head.Size), records(v.Records), v.Removed(), v.Waiting, v.Versions)
	}
	fmt.Fprintf(&b, "Erased again: %s. Entries of journals that the backup did not have: %d.\n", records(int64(r.Erased)), r.Journal)
	if r.Behind != nil {
		fmt.Fprintf(&b, "%s.\nIts log is not signed on: see docs/life-of-data.md.\n", policy.Visible(capital(r.Behind.Error())))
	}
	return b.String()
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
