package keyring

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/policy"
)

const origin = "shop.example/.temoin/log"

var noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

// counter is no randomness: every byte is known.
type counter byte

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(*c)
		*c++
	}
	return len(p), nil
}

func open(t testing.TB, folder string) *Ring {
	t.Helper()
	r, err := Open(folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func makeLog(t testing.TB, r *Ring, site string, known ...ledger.Verifier) ledger.Key {
	t.Helper()
	k, err := r.MakeLog(site, origin, known)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// makeAll makes a key for each use.
func makeAll(t testing.TB, r *Ring, site string) {
	t.Helper()
	makeLog(t, r, site)
	if _, err := r.Cookie(site, noon); err != nil {
		t.Fatal(err)
	}
	if _, err := r.MakeAccount(site, nil); err != nil {
		t.Fatal(err)
	}
}

func names(t testing.TB, folder string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestKeysAreMadeForTheirOwnerOnlyAndStay(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "var", "keys")
	r, err := Open(folder, new(counter))
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := r.Log("shop"); err != nil || keys != nil {
		t.Fatalf("%v, %v: a key that nobody made", keys, err)
	}
	makeAll(t, r, "shop")
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
	want := []string{"shop.account.1", "shop.cookie.1", "shop.log.1"}
	if got := names(t, folder); !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	for _, name := range want {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	again := open(t, folder)
	one, err := r.Log("shop")
	if err != nil {
		t.Fatal(err)
	}
	two, err := again.Log("shop")
	if err != nil || len(two) != 1 || one[0].Secret() != two[0].Secret() || makeLog(t, again, "shop").Secret() != one[0].Secret() {
		t.Errorf("%v: the key is another one after opening again", err)
	}
	cookie, err := again.Cookie("shop", noon)
	if err != nil || len(cookie) != 1 || hex.EncodeToString(cookie[0][:4]) != "20212223" {
		t.Errorf("%x, %v: not the random bytes that were given", cookie, err)
	}
	site, err := policy.Parse("shop.yaml", []byte("temoin: 1\nsite: shop\nname: Shop\nurl: https://shop.example\nlanguages: [en]\ncategories:\n  needed: {exempt: true}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := consent.NewCodec(site, cookie...); err != nil {
		t.Error(err)
	}
}

func TestTwoThatStartAtOnceEndWithOneKey(t *testing.T) {
	for range 30 {
		folder := filepath.Join(t.TempDir(), "keys")
		var all sync.WaitGroup
		var logs, accounts, cookies [8]string
		for i := range logs {
			all.Go(func() {
				r, err := Open(folder, nil)
				if err != nil {
					t.Error(err)
					return
				}
				key, err1 := r.MakeLog("shop", origin, nil)
				account, err2 := r.MakeAccount("shop", nil)
				cookie, err3 := r.Cookie("shop", noon)
				if err := errors.Join(err1, err2, err3); err != nil {
					t.Error(err)
					return
				}
				logs[i], accounts[i], cookies[i] = key.Secret(), account.Mark(), string(cookie[0])
			})
		}
		all.Wait()
		for i := range logs {
			if logs[i] != logs[0] || accounts[i] != accounts[0] || cookies[i] != cookies[0] || logs[0] == "" {
				t.Fatal("two keys at once")
			}
		}
		if got := names(t, folder); len(got) != 3 {
			t.Fatalf("%q", got)
		}
	}
}

// dying is a disk whose process dies at a step: half of what is being written may
// be there, and nothing is tidied up.
type dying struct {
	realDisk
	steps, at int
}

var errDead = errors.New("killed")

func (d *dying) step() error {
	if d.steps++; d.steps > d.at {
		return errDead
	}
	return nil
}

func (d *dying) write(folder, prefix string, data []byte) (string, error) {
	if err := d.step(); err != nil {
		name, err := d.realDisk.write(folder, prefix, data[:len(data)/2])
		return name, errors.Join(err, errDead)
	}
	return d.realDisk.write(folder, prefix, data)
}

func (d *dying) link(old, new string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.realDisk.link(old, new)
}

func (d *dying) sync(folder string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.realDisk.sync(folder)
}

func (d *dying) remove(path string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.realDisk.remove(path)
}

func TestAProcessThatDiesAtAnyStepLeavesNoKeyOrAWholeOne(t *testing.T) {
	// The steps: write, link, sync the folder, remove the temporary file.
	for at := range 5 {
		folder := t.TempDir() + "/keys"
		open(t, folder)
		d := &dying{at: at}
		_, err := (&Ring{folder, new(counter), d}).MakeLog("shop", origin, nil)
		if (err == nil) != (at >= 3) {
			t.Fatalf("killed after step %d: %v", at, err)
		}
		next := open(t, folder)
		after, err := next.Log("shop")
		if err != nil || len(after) != min(at/2, 1) {
			t.Fatalf("killed after step %d: %v, %d keys", at, err, len(after))
		}
		if key := makeLog(t, next, "shop"); len(after) == 1 && key.Secret() != after[0].Secret() {
			t.Errorf("killed after step %d: another key was made", at)
		}
		open(t, folder)
		if got := names(t, folder); !slices.Equal(got, []string{"shop.log.1"}) {
			t.Errorf("killed after step %d: %q is left", at, got)
		}
	}
}

func TestAKeyThatOthersCanGetAtIsRefused(t *testing.T) {
	for mode, want := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o644: false, 0o604: false, 0o620: false, 0o602: false, 0o660: false} {
		r := open(t, t.TempDir()+"/keys")
		makeAll(t, r, "shop")
		for use, read := range map[string]func() error{
			useLog:     func() error { _, err := r.Log("shop"); return err },
			useCookie:  func() error { _, err := r.Cookie("shop", noon); return err },
			useAccount: func() error { _, err := r.Accounts("shop"); return err },
		} {
			path := filepath.Join(r.Folder(), "shop."+use+".1")
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			err := read()
			if want && err != nil || !want && (!errors.Is(err, ErrExposed) || !strings.Contains(err.Error(), "chmod 600 "+path)) {
				t.Errorf("%s with mode %v: %v", use, mode, err)
			}
		}
	}
	for mode, want := range map[os.FileMode]bool{0o700: true, 0o755: true, 0o500: true, 0o770: false, 0o707: false, 0o777: false, 0o777 | os.ModeSticky: true} {
		folder := t.TempDir() + "/keys"
		open(t, folder)
		if err := os.Chmod(folder, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(folder, nil); (err == nil) != want || err != nil && !errors.Is(err, ErrExposed) {
			t.Errorf("a folder with mode %v: %v", mode, err)
		}
	}
}

func TestAKeyOfAnotherUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	r := open(t, t.TempDir()+"/keys")
	makeLog(t, r, "shop")
	if err := os.Chown(filepath.Join(r.Folder(), "shop.log.1"), 4711, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Log("shop"); !errors.Is(err, ErrExposed) {
		t.Errorf("%v", err)
	}
	if err := os.Chown(r.Folder(), 4711, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(r.Folder(), nil); !errors.Is(err, ErrExposed) {
		t.Errorf("%v", err)
	}
}

func TestADamagedKeyIsRefusedAndNeverReplaced(t *testing.T) {
	r := open(t, t.TempDir()+"/keys")
	makeAll(t, r, "shop")
	for _, use := range []string{useLog, useCookie, useAccount} {
		path := filepath.Join(r.Folder(), "shop."+use+".1")
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		secret := secretIn(whole)
		try := func(what string, damaged []byte) {
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err1 := r.MakeLog("shop", origin, nil)
			_, err2 := r.Cookie("shop", noon)
			_, err3 := r.MakeAccount("shop", nil)
			err := errors.Join(err1, err2, err3)
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrMisplaced) {
				t.Errorf("%s, %s: %v", use, what, err)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s, %s: the secret is in the message", use, what)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, damaged) || len(names(t, r.Folder())) != 3 {
				t.Errorf("%s, %s: it was replaced", use, what)
			}
		}
		for n := range len(whole) - 1 { // the last end of line may be missing
			try(fmt.Sprintf("cut to %d bytes", n), whole[:n])
		}
		for i := range whole {
			other := bytes.Clone(whole)
			other[i] ^= 1
			try(fmt.Sprintf("byte %d turned", i), other)
		}
		try("twice", slices.Concat(whole, whole))
		try("with a line more", slices.Concat(whole, []byte("x: y\n")))
		try("too long", append(bytes.Clone(whole), make([]byte, 10000)...))
		if err := os.WriteFile(path, whole[:len(whole)-1], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	makeAll(t, r, "shop")
}

// secretIn is the part of a key that no message may have.
func secretIn(src []byte) string {
	_, key, _ := strings.Cut(string(src), "key: ")
	key, _, _ = strings.Cut(key, "\n")
	return key[len(key)-30:]
}

func TestAKeyUnderAnotherNameIsRefused(t *testing.T) {
	r := open(t, t.TempDir()+"/keys")
	makeAll(t, r, "shop")
	for from, to := range map[string]string{"shop.log.1": "other.log.1", "shop.cookie.1": "other.account.1", "shop.account.1": "other.cookie.1"} {
		if err := os.Rename(filepath.Join(r.Folder(), from), filepath.Join(r.Folder(), to)); err != nil {
			t.Fatal(err)
		}
	}
	_, err1 := r.Log("other")
	_, err2 := r.Accounts("other")
	_, err3 := r.Cookie("other", noon)
	for _, err := range []error{err1, err2, err3} {
		if !errors.Is(err, ErrMisplaced) {
			t.Errorf("%v", err)
		}
	}
	for _, site := range []string{"", "../shop", "Shop", "a.b", strings.Repeat("a", 65)} {
		if _, err := r.Log(site); err == nil {
			t.Errorf("%q is a site", site)
		}
	}
}

func TestAKeyCanBeALinkButNotACircleOrAPipe(t *testing.T) {
	secrets := open(t, t.TempDir()+"/keys")
	key := makeLog(t, secrets, "shop")
	for name, c := range map[string]struct {
		make func(path string) error
		want string
	}{
		"a mounted secret": {func(path string) error {
			return errors.Join(os.Symlink(secrets.Folder(), filepath.Dir(path)+"/..data"), os.Symlink("..data/shop.log.1", path))
		}, ""},
		"a circle":            {func(path string) error { return os.Symlink(path, path) }, "lead in a circle"},
		"a link to nothing":   {func(path string) error { return os.Symlink(path+".gone", path) }, "leads nowhere"},
		"a folder":            {func(path string) error { return os.Mkdir(path, 0o700) }, "no regular file"},
		"a pipe":              {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "no regular file"},
		"a link to something": {func(path string) error { return os.Symlink("/dev/zero", path) }, "no regular file"},
	} {
		r := open(t, t.TempDir()+"/keys")
		if err := c.make(filepath.Join(r.Folder(), "shop.log.1")); err != nil {
			t.Fatal(err)
		}
		before := len(names(t, r.Folder()))
		got, err := r.MakeLog("shop", origin, nil)
		if c.want == "" && (err != nil || got.Secret() != key.Secret()) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
		if len(names(t, r.Folder())) != before {
			t.Errorf("%s: something was made beside it", name)
		}
	}
}

// full is a disk that nothing can be written to.
type full struct{ realDisk }

func (full) write(string, string, []byte) (string, error) { return "", syscall.EROFS }

func TestAFolderThatCannotBeWrittenIsReadAndSaysWhatIsMissing(t *testing.T) {
	r := open(t, t.TempDir()+"/keys")
	makeAll(t, r, "shop")
	mounted := &Ring{r.Folder(), new(counter), full{}}
	makeAll(t, mounted, "shop")
	_, err := mounted.MakeLog("other", origin, nil)
	if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "temoin keys make") {
		t.Errorf("%v", err)
	}
}

func TestANewCookieKeyReadsAtOnceAndWritesFromItsTimeOn(t *testing.T) {
	r := open(t, t.TempDir()+"/keys")
	first, err := r.Cookie("shop", noon)
	if err != nil {
		t.Fatal(err)
	}
	later := noon.Add(time.Hour)
	if err := r.RotateCookie("shop", later, noon); err != nil {
		t.Fatal(err)
	}
	if err := r.RotateCookie("shop", later.Add(time.Hour), noon); err == nil {
		t.Error("two keys wait for their time")
	}
	stolen := copyOf(t, r)
	if err := stolen.ReplaceCookie("shop", noon); err != nil {
		t.Fatal(err)
	}
	if keys, err := stolen.Cookie("shop", noon); err != nil || len(keys) != 1 || bytes.Equal(keys[0], first[0]) {
		t.Errorf("%v: a key that was replaced reads on", err)
	}
	// A clock that is behind: the oldest writes.
	for at, writer := range map[time.Time]int{noon.Add(-time.Minute): 0, noon: 0, later.Add(-time.Second): 0, later: 1, later.AddDate(1, 0, 0): 1} {
		keys, err := r.Cookie("shop", at)
		if err != nil || len(keys) != 2 || bytes.Equal(keys[0], keys[1]) || bytes.Equal(keys[0], first[0]) != (writer == 0) {
			t.Errorf("%v at %v: another key writes", err, at)
		}
	}
	for before, left := range map[time.Time]int{later: 2, later.Add(time.Second): 1, later.AddDate(9, 0, 0): 1} {
		copied := copyOf(t, r)
		gone, err := copied.PruneCookie("shop", before)
		keys, err2 := copied.Cookie("shop", later)
		if errors.Join(err, err2) != nil || len(keys) != left || len(gone) != 2-left || left == 1 && bytes.Equal(keys[0], first[0]) {
			t.Errorf("before %v: %v %v, %q is gone", before, err, err2, gone)
		}
	}
}

// copyOf copies a folder of keys.
func copyOf(t testing.TB, r *Ring) *Ring {
	t.Helper()
	folder := t.TempDir() + "/keys"
	if err := os.CopyFS(folder, os.DirFS(r.Folder())); err != nil {
		t.Fatal(err)
	}
	for _, name := range names(t, folder) {
		if err := os.Chmod(filepath.Join(folder, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return open(t, folder)
}

func TestAnAccountsLinkIsOfItsSiteAndKeyOnly(t *testing.T) {
	r, err := Open(t.TempDir()+"/keys", new(counter))
	if err != nil {
		t.Fatal(err)
	}
	shop, err := r.MakeAccount("shop", nil)
	if err != nil {
		t.Fatal(err)
	}
	// HMAC-SHA256, key 00 01 … 1f, over "temoin account link", 0, "shop", 0, "alice".
	if got := hex.EncodeToString(shop.Link("alice")); got != "04d76a2a36f1ed2f4a4517b4ab02d0073ce5792a592b324d4d8359c999aae5dd" {
		t.Errorf("the link is %s: links that are kept would be lost", got)
	}
	same := Account{"other", shop.key}
	if bytes.Equal(shop.Link("alice"), same.Link("alice")) || bytes.Equal(shop.Link("alice"), shop.Link("bob")) || shop.Mark() == same.Mark() {
		t.Error("two links are the same")
	}
	again, err := r.MakeAccount("shop", []string{shop.Mark()})
	if err != nil || again.Mark() == shop.Mark() {
		t.Fatalf("%v", err)
	}
	if keys, err := r.Accounts("shop"); err != nil || len(keys) != 2 || keys[0].Mark() != shop.Mark() {
		t.Errorf("%v, %v", keys, err)
	}
	if s := fmt.Sprintf("%v %+v %#v %s %x %v", shop, shop, shop, shop, shop, Account{}); strings.Count(s, shop.Mark()) != 5 || strings.Contains(s, "000102") {
		t.Errorf("%s", s)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file{site: "shop", use: useCookie, from: noon, key: make([]byte, keySize)}.encode())
	f.Add(file{site: "shop", use: useAccount, key: make([]byte, keySize)}.encode())
	if key, err := ledger.NewKey(origin, new(counter)); err == nil {
		f.Add(file{site: "shop", use: useLog, log: key}.encode())
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		parsed, err := parse(src)
		if err != nil {
			return
		}
		if again := parsed.encode(); !bytes.Equal(again, src) && !bytes.Equal(again, append(src, '\n')) {
			t.Errorf("%q is read, and written as %q", src, again)
		}
	})
}
