package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
)

var verifyCommand = command{
	name: "verify", args: "[receipt.json] --key KEY [--evidence FILE] | --store WHERE [--keys DIR]",
	short: "Verify the receipt of a choice offline, and say what it proves; or a whole store.",
	long: `A key is a log's public key, <name>+<id>+<base64>, or a file with one on each line;
--key can be given more than once. A witness's public key, given the same way, lets
its cosignatures count. --handover takes the signed word of a key that you know for
the next one of the same log, so that an old copy of a key is enough. A site publishes the keys of its log below /.temoin/log/;
a copy from elsewhere, such as an archive or a witness, says more.

--evidence takes what places outside have answered about the log, as the site gives
it out below /.temoin/log/anchors?size=N, N being the size of the log in the receipt.
A time-stamp is verified under --roots, what is published in --copy, a witness by its
key. Without a receipt the evidence is verified by itself.

--store verifies a store as it is, beside a server that is running, and writes nothing.
It compares what a restore compares, and says it in numbers. --keys is the folder of
keys, which remembers what was signed last, and --checkpoint a signed checkpoint from
elsewhere: they tell whether the store was put back to an older state, or rewritten.
In PostgreSQL it takes the owner's address, since it makes the tables of a new store
to compare with, which do not stay.

For a receipt nothing is asked over the network.

Exit codes: 0 the receipt is verified, and evidence that is of it where any is given;
1 something of them is not what it says; 2 it could not be verified: it is unreadable,
has no proof yet, or something is missing, such as a key. Of a store: 0 nothing was
found, 1 something is not as it should be, 2 it could not be looked at.`,
	run: runVerify,
}

// What is read at most, in bytes, and of keys.
const (
	mostReceipt = 1 << 20
	mostKeyFile = 64 << 10
	mostKeys    = 64
)

const keysAdvice = "the site publishes its log's keys below /.temoin/log/ (write one after --key, or the name of a file with it)"

// A verifying is what was asked for.
type verifying struct {
	format, roots                     string
	keys, handovers, evidence, copies names

	where, folder *string // of a store, and of keys
	checkpoints   names
}

func runVerify(ctx context.Context, c *call) int {
	var o verifying
	c.flags.StringVar(&o.format, "format", "text", "Write the result as `text` or json.")
	c.flags.Var(&o.keys, "key", "Trust this public key, or those in this `file`; can be given more than once.")
	c.flags.Var(&o.handovers, "handover", "Trust the key that a trusted one has handed over to in this `file`; can be given more than once, the oldest first.")
	c.flags.Var(&o.evidence, "evidence", "Verify the evidence from outside in this `file` too; can be given more than once.")
	c.flags.StringVar(&o.roots, "roots", "", "Trust the time-stamping authorities whose root certificates are in this `file`, in PEM.")
	c.flags.Var(&o.copies, "copy", "Look for what was published in this `folder`, a copy or a clone; can be given more than once.")
	o.where = c.storeFlag()
	o.folder = c.flags.String("keys", "", "With --store: the `folder` of keys.")
	c.flags.Var(&o.checkpoints, "checkpoint", "With --store: a `file` with a signed checkpoint; can be given more than once.")
	open, finish := c.output()
	if code, ok := c.parse(); !ok {
		return code
	}
	open()
	switch {
	case !slices.Contains([]string{"text", "json"}, o.format):
		return c.fail("--format: %q is neither text nor json", o.format)
	case *o.where != "":
		return o.runStore(ctx, c, finish)
	case *o.folder != "" || len(o.checkpoints) > 0:
		return c.fail("--keys and --checkpoint are about a store: name it with --store")
	case len(c.args) > 1 || len(c.args) == 0 && len(o.evidence) == 0:
		return c.fail("which receipt? Write the name of one file")
	case len(o.keys) == 0:
		return c.fail("which key? A receipt is verified against the public key of its log: %s", keysAdvice)
	}
	v, err := o.verify(ctx, c.args)
	if err != nil {
		return c.fail("%v", err)
	}
	if o.format == "json" {
		err = v.writeJSON(c.Out)
	} else {
		_, err = io.WriteString(c.Out, v.text())
	}
	if code := finish(err); code != done {
		return code
	}
	if v.Reason != "" || v.wrong {
		return found
	}
	return done
}

// verify verifies what there is. An error says that it could not be done.
func (o *verifying) verify(ctx context.Context, args []string) (*verification, error) {
	trusted, err := readKeys(o.keys)
	if err == nil {
		err = trusted.follow(o.handovers)
	}
	if err != nil {
		return nil, err
	}
	v := &verification{}
	if err := v.outside.read(o.evidence, o.roots, o.copies); err != nil {
		return nil, err
	}
	var log *ledger.Checkpoint
	if len(args) > 0 {
		src, err := readWhole(args[0], "receipt", mostReceipt)
		if err != nil {
			return nil, err
		}
		v.verifyReceipt(src, trusted)
		switch v.Reason {
		case "":
			log = &v.Checkpoint
		case register.Pending:
			return nil, fmt.Errorf("%s has no proof yet, and without one there is nothing to verify. It follows within seconds of the choice: download the receipt from the site again", args[0])
		case register.Unreadable, register.OtherFormat:
			return nil, fmt.Errorf("%s: %w%s", args[0], v.err, refusals[v.Reason].next)
		default:
			return v, nil // nothing is left for evidence to be of
		}
	}
	if len(o.evidence) == 0 {
		return v, nil
	}
	v.outside.verify(ctx, trusted, log)
	var takes string
	if v.wrong, takes = v.outside.outcome(log != nil); takes != "" && !v.wrong {
		return nil, fmt.Errorf("the evidence is not verified, which takes %s", takes)
	}
	return v, nil
}

// readWhole reads a regular file of bounded length.
func readWhole(file, what string, most int64) ([]byte, error) {
	if file == "-" {
		return nil, fmt.Errorf("- would be standard input, which is not read: write the %s to a file (one that is called so is ./-)", what)
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, unreadable(file, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file: name the file of the %s", file, what)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, unreadable(file, err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, unreadable(file, err)
	}
	if int64(len(src)) > most {
		return nil, fmt.Errorf("%s is longer than the %d bytes that a %s may have: check that this is the right file", file, most, what)
	}
	return src, nil
}

// A verification is the result for one receipt, for evidence, or for both.
type verification struct {
	*register.Verified                 // nil where there is no receipt, or it is not verified
	Reason             register.Reason // why the receipt is not verified; empty where it is
	err                error
	unchecked          []string // who signed besides, and whose key is not known
	outside            outside
	wrong              bool // some of the evidence
}

func (v *verification) verifyReceipt(src []byte, keys trustedKeys) {
	var r register.Receipt
	origin := ""
	if len(src) <= mostReceipt && json.Unmarshal(src, &r) == nil && r.Log != nil {
		origin = originOf([]byte(r.Log.Checkpoint))
	}
	verified, err := register.Verify(src, keys.forLog(origin))
	if err != nil {
		v.Reason, v.err = register.Why(err), err
		return
	}
	v.Verified, v.unchecked = verified, uncheckedSigners(r.Log.Checkpoint, verified.Checkpoint)
}

// uncheckedSigners are the names in a checkpoint's signature lines beyond those
// that were verified.
func uncheckedSigners(note string, c ledger.Checkpoint) (others []string) {
	verified := map[string]int{}
	for _, k := range c.Keys {
		verified[k.Name()]++
	}
	for _, w := range c.Cosignatures {
		verified[w.Witness.Name()]++
	}
	_, lines, _ := strings.Cut(note, "\n\n")
	for _, line := range strings.Split(strings.TrimSuffix(lines, "\n"), "\n") {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "— "), " ")
		if verified[name]--; verified[name] < 0 {
			others = append(others, name)
		}
	}
	return others
}
