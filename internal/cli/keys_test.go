package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/keyring"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/policy"
)

const keysShop = "temoin: 1\nsite: shop\nname: Shop\nurl: https://shop.example\nlanguages: [en]\ncategories:\n  needed: {exempt: true}\n  stats: {needs: consent}\nservices: [{id: one, name: One, category: stats, hosts: [one.example]}]\n"

// A keysServer is a server with one site, which runs while commands do.
type keysServer struct {
	t             *testing.T
	store         *store.Store
	site          *policy.Site
	sequencer     *register.Sequencer
	where, folder string
	manifest      string
}

func newKeysServer(t *testing.T) *keysServer {
	dir := t.TempDir()
	k := &keysServer{t: t, where: dir + "/store", folder: dir + "/keys", manifest: dir + "/site.yaml"}
	if err := os.WriteFile(k.manifest, []byte(keysShop), 0o600); err != nil {
		t.Fatal(err)
	}
	k.ok("keys", "make", "--keys", k.folder, k.manifest)
	var err error
	if k.site, err = policy.Parse(k.manifest, []byte(keysShop)); err != nil {
		t.Fatal(err)
	}
	if k.store, err = store.Open(t.Context(), k.where); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.store.Close() })
	ring, err := keyring.Open(k.folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	book := register.NewKeybook(k.store, ring, nil)
	if err := book.Begin(t.Context(), k.site.ID, register.LogOrigin(k.site)); err != nil {
		t.Fatal(err)
	}
	k.sequencer = register.NewSequencer(k.store, book)
	return k
}

func (k *keysServer) ok(args ...string) string {
	k.t.Helper()
	code, out, errs := callFor(args...)
	if code != done {
		k.t.Fatalf("temoin %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// keys runs a command on the log's keys.
func (k *keysServer) keys(name string, more ...string) string {
	k.t.Helper()
	return k.ok(append([]string{"keys", name, "--store", k.where, "--keys", k.folder, "--site", "shop"}, more...)...)
}

// receipt keeps a choice and writes its receipt to a file.
func (k *keysServer) receipt(name string) string {
	k.t.Helper()
	ctx := k.t.Context()
	now := time.Now()
	id, err := consent.NewID(now, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	r := register.New(register.Config{Store: k.store, Writers: 1})
	defer r.Close()
	if _, err := r.Keep(ctx, k.site, register.Wish{ID: id, Event: register.Event{Action: register.Refuse, Language: "en"}}); err != nil {
		k.t.Fatal(err)
	}
	if n, _, err := k.sequencer.Step(ctx); err != nil || n != 1 {
		k.t.Fatalf("%d, %v", n, err)
	}
	rows, err := k.store.SiteKeys(ctx, "shop", register.KeyOfLog)
	if err != nil {
		k.t.Fatal(err)
	}
	trust, err := register.TrustIn(rows, true)
	if err != nil {
		k.t.Fatal(err)
	}
	receipt, err := register.NewReceipt(ctx, k.store, trust, "shop", id)
	if err != nil {
		k.t.Fatal(err)
	}
	b, err := json.Marshal(receipt)
	if err != nil {
		k.t.Fatal(err)
	}
	return k.file(name, string(b))
}

func (k *keysServer) file(name, text string) string {
	k.t.Helper()
	file := filepath.Join(k.where, "..", name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
	return file
}

func (k *keysServer) verify(want int, args ...string) {
	k.t.Helper()
	if code, out, errs := callFor(append([]string{"verify"}, args...)...); code != want {
		k.t.Errorf("temoin verify %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
}

func TestKeysAreReplacedBesideARunningServer(t *testing.T) {
	k := newKeysServer(t)
	before := k.receipt("before.json")
	old := k.file("old.key", k.keys("list"))
	k.verify(done, before, "--key", old)

	prepared := k.keys("rotate", "--prepare")
	if next := k.keys("rotate"); next != prepared || strings.Contains(k.file("old.key", ""), next) {
		t.Errorf("%q was prepared, and %q taken", prepared, next)
	}
	old = k.file("old.key", strings.Split(k.keys("list"), "\n")[3])
	during := k.receipt("during.json")
	k.verify(done, during, "--key", old)
	k.verify(done, during, "--key", strings.TrimSpace(prepared))

	k.keys("retire")
	after := k.receipt("after.json")
	list := k.file("list.key", k.keys("list"))
	for _, receipt := range []string{before, during, after} {
		k.verify(done, receipt, "--key", list)
	}
	k.verify(found, after, "--key", old)
	handover := k.file("handover", k.keys("handover"))
	k.verify(done, after, "--key", old, "--handover", handover)
	k.verify(failed, after, "--key", strings.TrimSpace(prepared), "--handover", handover) // its word is of a key that is not trusted
	k.verify(failed, after, "--key", old, "--handover", list)

	k.keys("rotate", "--compromised", "--reason", "a laptop was stolen")
	list = k.file("list.key", k.keys("list"))
	k.verify(found, after, "--key", list)
	k.verify(done, k.receipt("later.json"), "--key", list)
	var tells []listed
	if err := json.Unmarshal([]byte(k.keys("list", "--format", "json")), &tells); err != nil || len(tells) != 3 || !tells[1].Compromised || tells[2].Reason != "a laptop was stolen" || len(tells[0].Ends) != 2 {
		t.Errorf("%v, %+v", err, tells)
	}
}

func TestKeysOfCookiesAndAccountsAreReplacedAsTheyCanBe(t *testing.T) {
	k := newKeysServer(t)
	ring, err := keyring.Open(k.folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	cookies := func(at time.Time, want int) []byte {
		t.Helper()
		keys, err := ring.Cookie("shop", at)
		if err != nil || len(keys) != want {
			t.Fatalf("%v, %d keys", err, len(keys))
		}
		return keys[0]
	}
	now := testClock()
	first := cookies(now, 1)
	k.ok("keys", "rotate", "--what", "cookie", "--keys", k.folder, "--site", "shop", "--in", "2 hours")
	if string(cookies(now.Add(time.Hour), 2)) != string(first) || string(cookies(now.Add(3*time.Hour), 2)) == string(first) {
		t.Error("the new key writes at another time than it was told")
	}
	if gone := k.ok("keys", "prune", "--keys", k.folder, "--site", "shop", "--lasts", "13 months"); gone != "" {
		t.Errorf("%s is gone, and may be needed", gone)
	}
	k.ok("keys", "rotate", "--what", "cookie", "--compromised", "--keys", k.folder, "--site", "shop")
	if string(cookies(now.Add(time.Minute), 1)) == string(first) {
		t.Error("a compromised key of the cookie writes on")
	}

	account := []string{"keys", "rotate", "--what", "account", "--store", k.where, "--keys", k.folder, "--site", "shop"}
	lost := append(account, "--lost", "--reason", "the disk died")
	for _, args := range [][]string{account, lost} {
		if code, out, errs := callFor(args...); code != failed || out != "" || errs == "" {
			t.Errorf("%v: exit %d, %s%s", args, code, out, errs)
		}
	}
	if err := os.Remove(filepath.Join(k.folder, "shop.account.1")); err != nil {
		t.Fatal(err)
	}
	k.ok(lost...)
}

func TestACommandOnKeysThatCannotBeSaysWhatIsMissing(t *testing.T) {
	k := newKeysServer(t)
	on := func(name string, more ...string) []string {
		return append([]string{"keys", name, "--store", k.where, "--keys", k.folder, "--site", "shop"}, more...)
	}
	for want, args := range map[string][]string{
		"what about the keys":       {"keys"},
		`there is no "lsit"`:        {"keys", "lsit"},
		"keys list needs --store":   {"keys", "list", "--site", "shop"},
		"keys rotate needs --keys":  {"keys", "rotate"},
		"which store":               {"keys", "rotate", "--keys", k.folder, "--site", "shop"},
		"for which site":            {"keys", "make", "--keys", k.folder},
		"takes no arguments":        on("list", "site.yaml"),
		"--reason":                  on("rotate", "--lost"),
		"write one of them":         on("rotate", "--lost", "--compromised", "--reason", "x"),
		"it is in":                  on("rotate", "--lost", "--reason", "x"),
		"neither text nor json":     on("list", "--format", "yaml"),
		`no key of "log2"`:          on("rotate", "--what", "log2"),
		"in its time":               on("rotate", "--prepare", "--lost", "--reason", "x"),
		"leave out --lost":          on("rotate", "--what", "cookie", "--lost"),
		"cannot be rotated":         on("rotate", "--what", "account"),
		"keys rotate --lost":        on("retire", "--lost", "--reason", "x"),
		"no key has handed over":    on("handover"),
		"--lasts":                   on("prune", "--lasts", "soon"),
		"--in":                      on("rotate", "--what", "cookie", "--in", "soon"),
		"the site has no key yet":   {"keys", "list", "--store", k.where, "--site", "other"},
		"there is no store to work": {"keys", "list", "--store", k.where + "2", "--site", "shop"},
	} {
		if code, out, errs := callFor(args...); code != failed || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: exit %d, want %q\n%s%s", args, code, want, out, errs)
		}
	}
}

// A key that was prepared when another one was stolen has a file, and no number in the
// list.
func TestFilesOfKeysAreNamedSinceNumbersInTheListDoNotTell(t *testing.T) {
	k := newKeysServer(t)
	k.receipt("a.json")
	k.keys("rotate", "--prepare")
	file := func(n string) string { return filepath.Join(k.folder, "shop.log."+n) }
	for i, step := range []struct {
		args, says []string
		not        []string
	}{
		{[]string{"rotate", "--compromised", "--reason", "a laptop was stolen"}, []string{"Key 2, in " + file("3") + ", signs", "Nothing signs with " + file("1") + ", " + file("2") + " any more"}, nil},
		{[]string{"rotate"}, []string{"Key 3, in " + file("4") + ", signs"}, []string{"Nothing signs"}},
		{[]string{"rotate", "--prepare"}, nil, []string{"Nothing signs"}},
		{[]string{"retire"}, []string{"1 keys have ended. Nothing signs with " + file("1") + ", " + file("2") + ", " + file("3") + " any more"}, []string{file("4"), file("5")}},
	} {
		code, _, errs := callFor(append([]string{"keys", step.args[0], "--store", k.where, "--keys", k.folder, "--site", "shop"}, step.args[1:]...)...)
		for _, want := range step.says {
			if code != done || !strings.Contains(errs, want) {
				t.Errorf("%d: exit %d, want %q\n%s", i, code, want, errs)
			}
		}
		for _, not := range step.not {
			if strings.Contains(errs, not) {
				t.Errorf("%d: %q is said\n%s", i, not, errs)
			}
		}
	}
	for _, n := range []string{"1", "2", "3"} {
		if err := os.Remove(file(n)); err != nil {
			t.Fatal(err)
		}
	}
	k.receipt("b.json") // what is left signs
	if code, _, errs := callFor("keys", "retire", "--store", k.where, "--keys", k.folder, "--site", "shop"); code != done || errs != "0 keys have ended. There are no files of them here.\n" {
		t.Errorf("exit %d: %s", code, errs)
	}
}
