package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
)

var eraseCommand = command{
	name: "erase", args: "--store WHERE --site ID (--account ID --keys DIR | --record ID)",
	short: "Erase the records of an account or of a visitor.",
	long: `--form unlink takes the records from the account: nothing leads from one to the other
any more. The records stay until their term ends, as proof of nobody's choice; with
--record it is about the account that the record is of.

--form destroy removes records with their salts. Nobody can open or find their entries
in the log any more; the log still verifies, and so does a receipt that the visitor
has kept. With --record it is that record, and with --chain all that are known to be
of the same visitor. A later record that replaced it still names its id: only --chain
leaves none.

It works beside a server that is running, and waits for a record that is not in the
log yet. Each erasure is written into a journal, which names nobody, so that a restore
of an older backup carries it out again. Backups made before still hold the records.`,
	run: runErase,
}

// An eraseCall is the command with its flags.
type eraseCall struct {
	*call
	where, site, account, record, form, folder, journal *string
	chain, rewrite                                      *bool
}

func runErase(ctx context.Context, c *call) int {
	e := &eraseCall{
		call:    c,
		where:   c.storeFlag(),
		site:    c.flags.String("site", "", "The `id` of the site."),
		account: c.flags.String("account", "", "The `id` of the account, as the site tells it; - reads it from standard input, so that it is in no list of commands."),
		record:  c.flags.String("record", "", "The `id` of a record, as a receipt has it."),
		chain:   c.flags.Bool("chain", false, "With --record: all records that are known to be of the same visitor."),
		form:    c.flags.String("form", string(register.Unlink), "The `form` of erasure: unlink or destroy."),
		folder:  c.flags.String("keys", "", "The `folder` of keys, with those of account links."),
		journal: c.flags.String("journal", "", "Write the journal of erasures to this `file` as well, at its end."),
		rewrite: c.flags.Bool("rewrite", false, rewriteUse),
	}
	if code, ok := c.parse(); !ok {
		return code
	}
	what, err := e.what()
	if err != nil {
		return c.fail("%v", err)
	}
	if err := e.refuseJournal(); err != nil {
		return c.fail("%v", err)
	}
	s, err := besideStore(ctx, *e.where)
	if err != nil {
		return c.failLines("", err)
	}
	defer s.Close()
	if *e.journal != "" && !store.UsualJournal(*e.where, *e.journal) {
		s.JournalTo(*e.journal)
	}
	if err := isKnown(ctx, s, what.Site); err != nil {
		return c.fail("--site: %v", err)
	}
	n, err := register.Erase(ctx, s, what, c.Now)
	if errors.Is(err, register.ErrUnlogged) {
		return c.broke("", fmt.Errorf("%w. %s. Nothing was erased", err, notLogged(ctx, s, what.Site)))
	}
	if err != nil && !errors.Is(err, register.ErrRemains) {
		return c.broke("", err)
	}
	if _, err := fmt.Fprintln(c.Out, e.said(n)); err != nil {
		return c.written(err)
	}
	if err == nil && *e.rewrite {
		err = s.Rewrite(ctx)
	}
	return c.erased(err)
}

// refuseJournal refuses a file that is no journal: entries are written at its end.
func (e *eraseCall) refuseJournal() error {
	if *e.journal == "" || store.UsualJournal(*e.where, *e.journal) {
		return nil
	}
	if err := e.refuseSecret("journal", *e.journal); err != nil {
		return err
	}
	info, err := os.Stat(*e.journal)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("--journal: %w", unreadable(*e.journal, err))
	}
	if begin, err := firstByte(*e.journal, info); err != nil || begin != '{' && info.Size() > 0 {
		return errors.Join(fmt.Errorf("--journal: %s is no journal of erasures: name one, or a file that is not there yet", *e.journal), err)
	}
	return nil
}

// firstByte is that of a regular file; none of an empty one.
func firstByte(file string, info fs.FileInfo) (byte, error) {
	if !info.Mode().IsRegular() {
		return 0, errors.New("it is no regular file")
	}
	f, err := os.Open(file)
	if err != nil {
		return 0, unreadable(file, err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.Read(b); err != nil && !errors.Is(err, io.EOF) {
		return 0, unreadable(file, err)
	}
	return b[0], nil
}

// notLogged says why a record is in no log, and what to do.
func notLogged(ctx context.Context, s *store.Store, site string) string {
	newLog := "temoin keys new-log --site " + site + " (docs/life-of-data.md, Going on after a loss)"
	if ahead, err := s.Ahead(ctx, site); err == nil && ahead {
		return "More was signed of the log of " + site + " than the store holds, and so nothing is put there any more: restore a newer backup, or begin another log: " + newLog + ". Then run this again"
	}
	return "Nothing puts it there: is the server running, and does it keep the log of " + site + "? If the server says that less is kept than was signed (temoin_log_ahead), begin another log: " + newLog
}

func (e *eraseCall) said(n int) string {
	switch {
	case n == 0 && *e.form == string(register.Unlink):
		return "Nothing is linked to an account there: nothing was done."
	case n == 0:
		return "No such record is kept: nothing was done."
	case *e.form == string(register.Unlink):
		return records(int64(n)) + " unlinked: no account leads there any more, until their term ends nor after."
	}
	said := records(int64(n)) + " destroyed. Their entries stay in the log, which nobody can open or find; receipts that visitors keep still verify."
	if *e.record != "" && !*e.chain {
		said += "\nIf a later choice replaced it, the record of that one still names its id, in the field replaces: to leave no name, destroy that one too (its --record, with --chain)."
	}
	return said
}

// what reads what is to be erased.
func (e *eraseCall) what() (register.Erasing, error) {
	w := register.Erasing{Site: *e.site, Chain: *e.chain, Form: register.Form(*e.form)}
	switch {
	case len(e.args) > 0:
		return w, fmt.Errorf("it takes no arguments: what is %q?", e.args[0])
	case w.Site == "":
		return w, errors.New("which site? Write its id after --site")
	case (*e.account == "") == (*e.record == ""):
		return w, errors.New("whose records? Write either --account or --record")
	case w.Form != register.Unlink && w.Form != register.Destroy:
		return w, fmt.Errorf("--form: %q is neither unlink nor destroy", w.Form)
	case w.Chain && (*e.record == "" || w.Form != register.Destroy):
		return w, errors.New("--chain goes with --record and --form destroy")
	}
	if *e.record != "" {
		id, err := consent.ParseID(*e.record)
		if err != nil {
			return w, fmt.Errorf("--record: %w", err)
		}
		w.Record = &id
		return w, nil
	}
	var err error
	w.Accounts, err = e.links()
	return w, err
}

// links are what an account is kept as, under each key that there was.
func (e *eraseCall) links() ([][]byte, error) {
	id := *e.account
	if id == "-" {
		line, err := bufio.NewReader(io.LimitReader(e.In, 64<<10)).ReadString('\n')
		if id = strings.TrimRight(line, "\r\n"); id == "" {
			return nil, errors.Join(errors.New("standard input has no account's id"), err)
		}
	}
	if *e.folder == "" {
		return nil, errors.New("--account needs --keys: a store knows accounts by a keyed hash alone")
	}
	ring, err := keptKeys(*e.folder)
	if err != nil {
		return nil, err
	}
	keys, err := ring.Accounts(*e.site)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s has no key of account links for %q: is it the folder that the server uses?", *e.folder, *e.site)
	}
	var links [][]byte
	for _, k := range keys {
		links = append(links, k.Link(id))
	}
	return links, nil
}
