package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/internal/keyring"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/policy"
)

var keysCommand = command{
	name: "keys", args: "list|make|rotate|retire|handover|new-log|prune …",
	short: "List, make and replace the keys of a site's log, cookie and account links.",
	long: `  keys list --store WHERE --site ID          the public keys of the site's log, for temoin verify --key
  keys make --keys DIR site.yaml…            the first keys, ahead of the first start
  keys rotate --store WHERE --keys DIR --site ID
                                             the next key of the log; the old one signs beside it
       … --prepare                           only makes it, to be given to every node first
       … --lost --reason TEXT                nobody has the old one any more
       … --compromised --reason TEXT         somebody else may have it: it ends at once
  keys rotate --what cookie --keys DIR --site ID
                                             the next key of the consent cookie
  keys rotate --what account --lost --reason TEXT --store WHERE --keys DIR --site ID
                                             another key of account links: all links there are are lost
  keys retire --store WHERE --keys DIR --site ID
                                             the older keys of the log sign no longer
  keys handover --store WHERE --site ID      the old key's word for the current one, signed
  keys new-log --reason TEXT --store WHERE --keys DIR --site ID
                                             another log, after entries that were signed are lost
  keys prune --keys DIR --site ID --lasts PERIOD
                                             removes cookie keys that no choice can need any more

They work beside a server that is running, which goes on with the new keys by itself.
Whoever can read the folder of keys can sign for the site: see docs/keys.md.`,
	run: runKeys,
}

// A keysCall is a call of one of the commands on keys.
type keysCall struct {
	*call
	where, folder, site, what, reason, format, lasts, in *string
	lost, compromised, prepare                           *bool
}

// keysActions are the commands, and the flags that each needs.
var keysActions = map[string]struct {
	needs []string
	run   func(k *keysCall, ctx context.Context) (any, error)
}{
	"list":     {[]string{"store", "site"}, (*keysCall).list},
	"make":     {[]string{"keys"}, (*keysCall).make},
	"rotate":   {[]string{"keys", "site"}, (*keysCall).rotate},
	"retire":   {[]string{"store", "keys", "site"}, (*keysCall).retire},
	"handover": {[]string{"store", "site"}, (*keysCall).handover},
	"new-log":  {[]string{"store", "keys", "site", "reason"}, (*keysCall).newLog},
	"prune":    {[]string{"keys", "site", "lasts"}, (*keysCall).prune},
}

func runKeys(ctx context.Context, c *call) int {
	k := &keysCall{
		call:        c,
		where:       c.storeFlag(),
		folder:      c.flags.String("keys", "", "The `folder` of keys."),
		site:        c.flags.String("site", "", "The `id` of the site."),
		what:        c.flags.String("what", "log", "Which key: of the `use` log, cookie or account."),
		reason:      c.flags.String("reason", "", "Why, in a `text` that is kept beside the key."),
		format:      c.flags.String("format", "text", "Write the list as `text` or json."),
		lasts:       c.flags.String("lasts", "", "The longest `period` that a choice of the site ever lasted, such as \"13 months\"."),
		in:          c.flags.String("in", "1 hour", "After this `period` the new key of the cookie writes: by then every node must have it."),
		lost:        c.flags.Bool("lost", false, "Nobody has the old key any more."),
		compromised: c.flags.Bool("compromised", false, "Somebody else may have the old key."),
		prepare:     c.flags.Bool("prepare", false, "Make the next key of the log without using it."),
	}
	open, finish := c.output()
	if code, ok := c.parse(); !ok {
		return code
	}
	if len(c.args) == 0 {
		return c.fail("what about the keys? Write list, make, rotate, retire, handover, new-log or prune")
	}
	name := c.args[0]
	action, ok := keysActions[name]
	if !ok {
		return c.fail("there is no %q: write list, make, rotate, retire, handover, new-log or prune", name)
	}
	c.args = c.args[1:]
	if err := k.complete(name, action.needs); err != nil {
		return c.fail("%v", err)
	}
	if err := c.refuseSecret(outputFlag, c.flags.Lookup(outputFlag).Value.String()); err != nil {
		return c.fail("%v", err)
	}
	open()
	result, err := action.run(k, ctx)
	if err != nil {
		return c.failLines("", err)
	}
	return finish(k.write(result))
}

// complete says which flag is missing, or has no meaning.
func (k *keysCall) complete(name string, needs []string) error {
	for _, n := range needs {
		if k.flags.Lookup(n).Value.String() == "" {
			return fmt.Errorf("keys %s needs --%s", name, n)
		}
	}
	switch {
	case name != "make" && len(k.args) > 0:
		return fmt.Errorf("keys %s takes no arguments: what is %q?", name, k.args[0])
	case *k.lost && *k.compromised:
		return errors.New("--lost means that nobody has the key, --compromised that too many have: write one of them")
	case (*k.lost || *k.compromised) && *k.what != "cookie" && *k.reason == "":
		return errors.New("write why after --reason: it is kept beside the key, for whoever asks later")
	case !slices.Contains([]string{"text", "json"}, *k.format):
		return fmt.Errorf("--format: %q is neither text nor json", *k.format)
	}
	return nil
}

// write writes a result: text as it is.
func (k *keysCall) write(result any) error {
	if text, ok := result.(string); ok {
		_, err := io.WriteString(k.Out, text)
		return err
	}
	enc := json.NewEncoder(k.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(result)
}

// open opens the store beside the server, and the folder of keys.
func (k *keysCall) open(ctx context.Context) (*store.Store, *register.Keybook, error) {
	ring, err := keptKeys(*k.folder)
	if err != nil {
		return nil, nil, err
	}
	s, err := k.openStore(ctx)
	if err != nil {
		return nil, nil, err
	}
	return s, register.NewKeybook(s, ring, k.Now), nil
}

func (k *keysCall) openStore(ctx context.Context) (*store.Store, error) {
	return besideStore(ctx, *k.where)
}

func (k *keysCall) why() register.Rotation {
	o := register.Rotation{Why: register.KeyPlanned, Note: *k.reason}
	switch {
	case *k.lost:
		o.Why = register.KeyLost
	case *k.compromised:
		o.Why = register.KeyCompromised
	}
	return o
}

// listed is a key as JSON tells it.
type listed struct {
	Number      int      `json:"number"`
	Key         string   `json:"key"`
	Since       string   `json:"since"`
	Size        int64    `json:"size"` // of the log, then
	Why         string   `json:"why"`
	Reason      string   `json:"reason,omitempty"`
	Compromised bool     `json:"compromised"`
	Ends        []ending `json:"ends"`
}

type ending struct {
	At     string `json:"at"`
	Why    string `json:"why"`
	Reason string `json:"reason,omitempty"`
}

func (k *keysCall) list(ctx context.Context) (any, error) {
	rows, err := k.rows(ctx)
	if err != nil || *k.format == "text" {
		return register.KeyList(rows), err
	}
	var list []listed
	for _, r := range rows {
		l := listed{r.Number, r.Public, r.Since.Format(time.RFC3339), r.Size, r.Why, r.Note, r.Compromised(), []ending{}}
		for _, e := range r.Ends {
			l.Ends = append(l.Ends, ending{e.At.Format(time.RFC3339), e.Why, e.Note})
		}
		list = append(list, l)
	}
	return list, nil
}

// rows are the keys of the site's log.
func (k *keysCall) rows(ctx context.Context) ([]register.SiteKey, error) {
	s, err := k.openStore(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	rows, err := s.SiteKeys(ctx, *k.site, register.KeyOfLog)
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("%s: %w. Check --site", *k.site, register.ErrNoKey)
	}
	return rows, err
}

func (k *keysCall) make(context.Context) (any, error) {
	if len(k.args) == 0 {
		return nil, errors.New("for which site? Write the name of its manifest")
	}
	sites, err := readSites(k.args)
	if err != nil {
		return nil, err
	}
	ring, err := keyring.Open(*k.folder, nil)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, site := range sites {
		key, err1 := ring.MakeLog(site.ID, register.LogOrigin(site), nil)
		_, err2 := ring.Cookie(site.ID, k.Now())
		_, err3 := ring.MakeAccount(site.ID, nil)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, err
		}
		fmt.Fprintln(&b, key.Verifier())
	}
	fmt.Fprintf(k.Err, "The keys are in %s. Keep a copy where the store's backups are not.\n", *k.folder)
	return b.String(), nil
}

func (k *keysCall) rotate(ctx context.Context) (any, error) {
	switch *k.what {
	case "log":
		return k.rotateLog(ctx)
	case "cookie":
		return k.rotateCookie()
	case "account":
		return k.replaceAccounts(ctx)
	}
	return nil, fmt.Errorf("--what: there is no key of %q: write log, cookie or account", *k.what)
}

func (k *keysCall) rotateLog(ctx context.Context) (any, error) {
	s, book, err := k.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if *k.prepare {
		if *k.lost || *k.compromised {
			return nil, errors.New("--prepare is for a key that is replaced in its time")
		}
		key, err := book.PrepareLog(ctx, *k.site)
		if err != nil {
			return nil, err
		}
		fmt.Fprintln(k.Err, "The next key is in the folder of keys. Give it to every node, then run the same without --prepare.")
		return key.Verifier().String() + "\n", nil
	}
	next, err := book.RotateLog(ctx, *k.site, k.why())
	if next.Public == "" {
		return nil, err
	}
	current, unused := k.files(ctx, book)
	fmt.Fprintf(k.Err, "Key %d%s signs the log of %s from now on. Back up the folder of keys, and publish the new key where the old one was.\n", next.Number, current, *k.site)
	if *k.compromised || *k.lost {
		fmt.Fprintf(k.Err, "Tell those who have a copy of the old key, such as witnesses: nothing that it signed can tell them.\n%s", unused)
	} else {
		fmt.Fprintln(k.Err, "The old key signs beside it until temoin keys retire.")
	}
	return next.Public + "\n", err
}

// files says where the key is that signs first, and which files there are of keys that
// sign no more, or never will: such as one that was prepared and may be stolen. Numbers
// in the list do not tell, since such a one has none there. Where the folder cannot be
// read it says nothing.
func (k *keysCall) files(ctx context.Context, book *register.Keybook) (current, unused string) {
	ring, err1 := keptKeys(*k.folder)
	keys, err2 := book.LogKeys(ctx, *k.site)
	if errors.Join(err1, err2) != nil {
		return "", ""
	}
	list, err := ring.Log(*k.site)
	if err != nil {
		return "", ""
	}
	var files []string
	for _, key := range list {
		path := ring.Path(*k.site, key.Verifier())
		if key.Verifier() == keys.Signers[0].Verifier() {
			current = ", in " + path + ","
			break // what comes behind it is prepared
		}
		if !slices.ContainsFunc(keys.Signers, func(s ledger.Key) bool { return s.Verifier() == key.Verifier() }) {
			files = append(files, path)
		}
	}
	if len(files) > 0 {
		unused = fmt.Sprintf("Nothing signs with %s any more: remove them from the folder on every node. The public keys stay in the list.\n", strings.Join(files, ", "))
	}
	return current, unused
}

func (k *keysCall) rotateCookie() (any, error) {
	if *k.lost || *k.prepare {
		return nil, errors.New("a cookie key that was lost is made anew by the next start, and every new one is prepared by itself (--in): leave out --lost and --prepare")
	}
	wait, err := policy.ParsePeriod(*k.in)
	if err != nil {
		return nil, fmt.Errorf("--in: %w", err)
	}
	ring, err := keptKeys(*k.folder)
	if err != nil {
		return nil, err
	}
	now := k.Now()
	if !*k.compromised {
		from := wait.After(now)
		if err := ring.RotateCookie(*k.site, from, now); err != nil {
			return nil, err
		}
		return fmt.Sprintf("The new key of the cookie writes from %s on. Give it to every node before. The old one reads until temoin keys prune.\n", from.UTC().Format(time.RFC3339)), nil
	}
	if err := ring.ReplaceCookie(*k.site, now); err != nil {
		return nil, err
	}
	return "The old keys of the cookie are removed. Restart every node with the new one: all visitors are asked again.\n", nil
}

func (k *keysCall) replaceAccounts(ctx context.Context) (any, error) {
	if !*k.lost {
		return nil, errors.New("the key of account links cannot be rotated: a link cannot be made anew without the account's id, which is not kept. If the key is lost, write --lost --reason TEXT")
	}
	s, book, err := k.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	next, err := book.ReplaceAccounts(ctx, *k.site, k.why())
	if next.Public == "" {
		return nil, err
	}
	return fmt.Sprintf("Key %d links accounts of %s from now on. No link from before can be read any more.\n", next.Number, *k.site), err
}

func (k *keysCall) retire(ctx context.Context) (any, error) {
	if *k.lost {
		return nil, errors.New("a key that is lost ends when the next one comes: temoin keys rotate --lost")
	}
	s, book, err := k.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	ended, err := book.RetireLog(ctx, *k.site, k.why())
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, r := range ended {
		fmt.Fprintf(&b, "%s\n", r.Public)
	}
	_, unused := k.files(ctx, book)
	fmt.Fprintf(k.Err, "%d keys have ended. %s", len(ended), cmp.Or(unused, "There are no files of them here.\n"))
	return b.String(), nil
}

func (k *keysCall) handover(ctx context.Context) (any, error) {
	rows, err := k.rows(ctx)
	if err != nil {
		return nil, err
	}
	last := rows[len(rows)-1]
	if last.Handover == nil || last.Why == register.KeyNewLog {
		return nil, fmt.Errorf("no key has handed over to key %d (it came as: %s)", last.Number, last.Why)
	}
	return string(last.Handover), nil
}

func (k *keysCall) newLog(ctx context.Context) (any, error) {
	s, book, err := k.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	next, err := book.NewLog(ctx, *k.site, *k.reason)
	if next.Public == "" {
		return nil, err
	}
	log, _, _ := strings.Cut(next.Public, "+")
	fmt.Fprintf(k.Err, "The log of %s goes on as %s, with the %d entries that are kept, under key %d. Back up the folder of keys and give the key to every node, publish it where the old one was, and name another folder or branch where checkpoints are published. Receipts of the former log verify as before, by its keys.\n", *k.site, log, next.Size, next.Number)
	return next.Public + "\n", err
}

func (k *keysCall) prune(context.Context) (any, error) {
	lasts, err := policy.ParsePeriod(*k.lasts)
	if err != nil {
		return nil, fmt.Errorf("--lasts: %w", err)
	}
	ring, err := keptKeys(*k.folder)
	if err != nil {
		return nil, err
	}
	// A day more, for clocks and time zones.
	gone, err := ring.PruneCookie(*k.site, k.Now().Add(-lasts.Max()).AddDate(0, 0, -1))
	if err != nil {
		return nil, err
	}
	return strings.Join(append(gone, ""), "\n"), nil
}
