package anchor

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/ledger"
)

func list(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// extended returns a checkpoint with one more signature, of another key of the log.
func extended(t *testing.T, l *tree, head ledger.Head) []byte {
	t.Helper()
	msg, err := ledger.Sign(head, l.key, seeded(t, origin, 2))
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// published are the two anchors that publish, each with a copy of what is there,
// and a function that puts a file there behind its back.
func published(t *testing.T, l *tree) map[string]struct {
	make func(now time.Time) Anchor
	copy Copy
	put  func(name string, b []byte)
} {
	t.Helper()
	needs(t, "git")
	folder := t.TempDir()
	remote, state := bare(t), t.TempDir()
	fresh := func(now time.Time) Options { o := options(); o.Clock = at(now); return o }
	clone, err := NewClone(remote, "main", "log")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]struct {
		make func(now time.Time) Anchor
		copy Copy
		put  func(name string, b []byte)
	}{
		"directory": {
			func(now time.Time) Anchor {
				d, err := NewDirectory(l.trust(), folder, fresh(now))
				ok(t, err)
				return d
			},
			Files{os.DirFS(folder)},
			func(name string, b []byte) { ok(t, os.WriteFile(filepath.Join(folder, name), b, 0o600)) },
		},
		"git": {
			func(now time.Time) Anchor {
				g, err := NewGit(l.trust(), remote, "main", "log", state, fresh(now))
				ok(t, err)
				return g
			},
			clone,
			func(name string, b []byte) { elsewhere(t, remote, "log/"+name, b) },
		},
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsPublishedIsFoundInACopyAndContinued(t *testing.T) {
	l := newTree(t, "a", 50)
	for name, c := range published(t, l) {
		msg, head := l.signed(t, 20)
		e, err := c.make(noon).Fix(t.Context(), msg, head)
		ok(t, err)
		newer, newest := l.signed(t, 50)
		_, err = c.make(noon.Add(24*time.Hour)).Fix(t.Context(), newer, newest)
		ok(t, err)

		b, err := e.Marshal()
		ok(t, err)
		e, err = ParseEvidence(b)
		ok(t, err)
		terms := Terms{Log: l.trust(), Copy: c.copy, Proof: l.proof(t, 20, 50)}
		p, err := e.Verify(t.Context(), msg, terms)
		if err != nil || p.By != "2026-10-11-20.txt" || p.Latest != newest || p.Independent {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		terms.Proof = l.proof(t, 21, 50)
		if _, err := e.Verify(t.Context(), msg, terms); !errors.Is(err, ledger.ErrProof) {
			t.Errorf("%s: another proof: %v", name, err)
		}
		terms.Proof = l.proof(t, 20, 50)
		fork, _ := newTree(t, "b", 20).signed(t, 20)
		if _, err := e.Verify(t.Context(), fork, terms); !errors.Is(err, ErrFork) {
			t.Errorf("%s: another root: %v", name, err)
		}
		moved := e
		moved.Time = e.Time.Add(24 * time.Hour)
		if _, err := moved.Verify(t.Context(), msg, terms); err == nil {
			t.Errorf("%s: evidence of another day than its file is good", name)
		}
		if _, err := InCopy(t.Context(), c.copy, l.trust(), msg, FileName(noon.Add(24*time.Hour), 20), terms.Proof); !errors.Is(err, ErrNotThere) {
			t.Errorf("%s: another day: %v", name, err)
		}
		for _, bad := range []string{"", "latest", "../2026-10-11-20.txt", "2026-10-11-020.txt", "2026-13-11-20.txt", "2026-10-11-50.txt"} {
			if _, err := InCopy(t.Context(), c.copy, l.trust(), msg, bad, terms.Proof); err == nil {
				t.Errorf("%s: found as %q", name, bad)
			}
		}
	}
}

func TestPublishingTwiceChangesNothingButAddedSignatures(t *testing.T) {
	l := newTree(t, "a", 5)
	msg, head := l.signed(t, 5)
	more := extended(t, l, head)
	for name, c := range published(t, l) {
		var last Evidence
		for i, step := range []struct{ msg, want []byte }{{msg, msg}, {msg, msg}, {more, more}, {msg, more}} {
			e, err := c.make(noon.Add(time.Duration(i)*time.Minute)).Fix(t.Context(), step.msg, head)
			ok(t, err)
			if same := bytes.Equal(e.Bytes, last.Bytes); name == "git" && same != (i == 1 || i == 3) {
				t.Errorf("step %d: %s after %s", i, e.Bytes, last.Bytes)
			}
			last = e
			for _, file := range []string{"latest", "2026-10-11-5.txt"} {
				if got, err := c.copy.Read(t.Context(), file); err != nil || !bytes.Equal(got, step.want) {
					t.Errorf("%s, step %d, %s: %q, %v", name, i, file, got, err)
				}
			}
		}
	}
}

func TestNothingIsPublishedOverAnotherHistoryOrALargerLog(t *testing.T) {
	l, other := newTree(t, "a", 50), newTree(t, "b", 50)
	for name, c := range published(t, l) {
		msg, head := l.signed(t, 20)
		_, err := c.make(noon).Fix(t.Context(), msg, head)
		ok(t, err)
		for what, want := range map[string]error{"fork": ErrFork, "smaller": ErrAhead} {
			msg, head := other.signed(t, 20)
			if what == "smaller" {
				msg, head = l.signed(t, 19)
			}
			if _, err := c.make(noon.Add(24*time.Hour)).Fix(t.Context(), msg, head); !errors.Is(err, want) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		// The file of the day can be another's too.
		foreign, _ := other.signed(t, 30)
		c.put("2026-10-11-30.txt", foreign)
		msg, head = l.signed(t, 30)
		if _, err := c.make(noon).Fix(t.Context(), msg, head); !errors.Is(err, ErrFork) {
			t.Errorf("%s: the file of the day: %v", name, err)
		}
		// And what cannot be read is not overwritten.
		c.put("latest", []byte("hello\n"))
		if _, err := c.make(noon).Fix(t.Context(), msg, head); err == nil || !strings.Contains(err.Error(), "not overwritten") {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := c.copy.Read(t.Context(), "latest"); err != nil || string(got) != "hello\n" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestAFolderThatIsNotThereIsNotMade(t *testing.T) {
	l := newTree(t, "a", 5)
	msg, head := l.signed(t, 5)
	folder := filepath.Join(t.TempDir(), "not", "mounted")
	d, err := NewDirectory(l.trust(), folder, options())
	ok(t, err)
	if _, err := d.Fix(t.Context(), msg, head); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "mount") {
		t.Error(err)
	}
}

func TestAFolderHoldsWholeFilesAndNothingElse(t *testing.T) {
	l := newTree(t, "a", 5)
	folder := t.TempDir()
	d, err := NewDirectory(l.trust(), folder, options())
	ok(t, err)
	for _, size := range []int64{0, 3, 5} {
		head := ledger.Empty()
		b, err := ledger.Sign(head, l.key)
		ok(t, err)
		if size > 0 {
			b, head = l.signed(t, size)
		}
		_, err = d.Fix(t.Context(), b, head)
		ok(t, err)
	}
	if got := list(t, folder); got != "2026-10-11-0.txt 2026-10-11-3.txt 2026-10-11-5.txt latest" {
		t.Error(got)
	}
	if info, err := os.Stat(filepath.Join(folder, "latest")); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	ok(t, os.Remove(filepath.Join(folder, "latest")))
	ok(t, os.Mkdir(filepath.Join(folder, "latest"), 0o755))
	if _, err := (Files{os.DirFS(folder)}).Read(t.Context(), "latest"); err == nil {
		t.Error("a folder is read")
	}
	ok(t, os.WriteFile(filepath.Join(folder, "huge"), make([]byte, maxFile+1), 0o600))
	if _, err := (Files{os.DirFS(folder)}).Read(t.Context(), "huge"); err == nil {
		t.Error("a huge file is read")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b, head := l.signed(t, 5)
	if _, err := d.Fix(ctx, b, head); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Git, as another program and another person use it.

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// bare makes a remote on the disk.
func bare(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "remote.git")
	git(t, ".", "init", "--quiet", "--bare", "--initial-branch=main", dir)
	return dir
}

// elsewhere pushes a file from another place.
func elsewhere(t testing.TB, remote, file string, b []byte) {
	t.Helper()
	work := t.TempDir()
	git(t, work, "clone", "--quiet", remote, "w")
	work = filepath.Join(work, "w")
	ok(t, os.MkdirAll(filepath.Join(work, filepath.Dir(file)), 0o755))
	ok(t, os.WriteFile(filepath.Join(work, file), b, 0o644))
	git(t, work, "add", ".")
	git(t, work, "commit", "--quiet", "-m", "from elsewhere")
	git(t, work, "push", "--quiet", "origin", "HEAD:main")
}

func newGit(t testing.TB, l *tree, remote string) *Git {
	t.Helper()
	needs(t, "git")
	g, err := NewGit(l.trust(), remote, "main", "", filepath.Join(t.TempDir(), "state"), options())
	ok(t, err)
	return g
}

func TestACommitSaysNothingOfTheMachineItWasMadeOn(t *testing.T) {
	needs(t, "git")
	t.Setenv("GIT_AUTHOR_NAME", "Somebody")
	t.Setenv("EMAIL", "somebody@example.org")
	l := newTree(t, "a", 5)
	remote := bare(t)
	msg, head := l.signed(t, 5)
	e, err := newGit(t, l, remote).Fix(t.Context(), msg, head)
	ok(t, err)
	want := "Temoin <temoin@localhost> 2026-10-11T12:00:00+00:00 Temoin <temoin@localhost> 2026-10-11T12:00:00+00:00 " + origin + ": 5 entries"
	if got := git(t, remote, "log", "--format=%an <%ae> %aI %cn <%ce> %cI %s", "main"); got != want {
		t.Error(got)
	}
	if got := git(t, remote, "rev-parse", "main") + " 2026-10-11-5.txt"; got != string(e.Bytes) {
		t.Errorf("%s, not %s", e.Bytes, got)
	}
}

func TestOtherFilesAndOtherCommitsOfTheBranchStay(t *testing.T) {
	l := newTree(t, "a", 9)
	needs(t, "git")
	remote := bare(t)
	elsewhere(t, remote, "readme.txt", []byte("hello\n"))
	g := newGit(t, l, remote)
	for _, size := range []int64{5, 9} {
		// As if git had been killed.
		ok(t, os.MkdirAll(g.state, 0o700))
		ok(t, os.WriteFile(filepath.Join(g.state, "index.lock"), nil, 0o600))
		msg, head := l.signed(t, size)
		_, err := g.Fix(t.Context(), msg, head)
		ok(t, err)
		elsewhere(t, remote, "readme.txt", []byte{byte(size)})
	}
	if got := git(t, remote, "ls-tree", "-r", "--name-only", "main"); got != "2026-10-11-5.txt\n2026-10-11-9.txt\nlatest\nreadme.txt" {
		t.Error(got)
	}
	if got := git(t, remote, "rev-list", "--count", "main"); got != "5" {
		t.Error(got)
	}
}

func TestNoHookIsRunAndNoConfigurationOfTheUserRead(t *testing.T) {
	needs(t, "git")
	l := newTree(t, "a", 5)
	remote := bare(t)
	g := newGit(t, l, remote)
	home, trace := t.TempDir(), filepath.Join(t.TempDir(), "trace")
	t.Setenv("HOME", home)
	hook := []byte("#!/bin/sh\ntouch '" + trace + "'\nexit 1\n")
	hooks := filepath.Join(home, "hooks")
	msg, head := l.signed(t, 3)
	_, err := g.Fix(t.Context(), msg, head)
	ok(t, err)
	for _, dir := range []string{hooks, filepath.Join(remote, "hooks"), filepath.Join(g.state, "repository.git", "hooks")} {
		ok(t, os.MkdirAll(dir, 0o755))
		for _, name := range []string{"pre-push", "pre-receive", "update", "post-receive", "reference-transaction", "post-update"} {
			ok(t, os.WriteFile(filepath.Join(dir, name), hook, 0o755))
		}
	}
	ok(t, os.WriteFile(filepath.Join(home, ".gitconfig"), []byte("[core]\n\thooksPath = "+hooks+"\n[push]\n\tgpgSign = true\n"), 0o600))
	msg, head = l.signed(t, 5)
	if _, err = g.Fix(t.Context(), msg, head); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(trace); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a hook was run")
	}
}

func TestARemoteWhosePastWasReplacedIsAFork(t *testing.T) {
	needs(t, "git")
	l := newTree(t, "a", 9)
	remote := bare(t)
	g := newGit(t, l, remote)
	first, head := l.signed(t, 5)
	e, err := g.Fix(t.Context(), first, head)
	ok(t, err)
	kept := filepath.Join(t.TempDir(), "kept")
	git(t, ".", "clone", "--quiet", remote, kept)

	// Somebody begins again, with the same files.
	work := t.TempDir()
	git(t, work, "clone", "--quiet", remote, "w")
	work = filepath.Join(work, "w")
	git(t, work, "commit", "--quiet", "--amend", "-m", "as if it had always been so")
	git(t, work, "push", "--quiet", "--force", "origin", "HEAD:main")
	before := git(t, remote, "rev-parse", "main")
	msg, next := l.signed(t, 9)
	if _, err := g.Fix(t.Context(), msg, next); !errors.Is(err, ErrFork) || !strings.Contains(err.Error(), "past of the branch") {
		t.Error(err)
	}
	if git(t, remote, "rev-parse", "main") != before {
		t.Error("the remote was changed")
	}
	// The evidence holds in the clone from before, and not in the new one.
	for dir, want := range map[string]error{kept: nil, work: ErrNotThere} {
		clone, err := NewClone(dir, "main", "")
		ok(t, err)
		if _, err := e.Verify(t.Context(), first, Terms{Log: l.trust(), Copy: clone, Proof: []ledger.Hash{}}); !errors.Is(err, want) {
			t.Errorf("%v, not %v", err, want)
		}
	}
	// Nor is a branch made anew that was there before.
	git(t, remote, "update-ref", "-d", "refs/heads/main")
	if _, err := g.Fix(t.Context(), msg, next); !errors.Is(err, ErrFork) || !strings.Contains(err.Error(), "gone") {
		t.Error(err)
	}
}

func TestWhoPushesAtTheSameTimeIsNotOverwritten(t *testing.T) {
	needs(t, "git")
	l := newTree(t, "a", 9)
	remote := bare(t)
	g := newGit(t, l, remote)
	msg, head := l.signed(t, 5)
	_, err := g.Fix(t.Context(), msg, head)
	ok(t, err)
	// The commit is made on what was fetched; then somebody is faster.
	r, err := g.open(t.Context(), noon)
	ok(t, err)
	tip, err := g.fetch(t.Context(), r)
	ok(t, err)
	elsewhere(t, remote, "other.txt", []byte("a"))
	msg, head = l.signed(t, 9)
	commit, err := g.commit(t.Context(), r, tip, todo{"2026-10-11-9.txt", true, true}, msg, "late\n")
	ok(t, err)
	if _, err := r.run(t.Context(), nil, "push", "--quiet", "--", remote, commit+":refs/heads/main"); err == nil {
		t.Error("a push replaces another")
	}
	_, err = g.Fix(t.Context(), msg, head)
	ok(t, err)
	if got := git(t, remote, "ls-tree", "-r", "--name-only", "main"); got != "2026-10-11-5.txt\n2026-10-11-9.txt\nlatest\nother.txt" {
		t.Error(got)
	}
}

func TestARemoteThatTakesNothingIsAnErrorWithoutItsPassword(t *testing.T) {
	needs(t, "git")
	l := newTree(t, "a", 5)
	msg, head := l.signed(t, 5)
	remote := bare(t)
	elsewhere(t, remote, "readme.txt", []byte("a"))
	git(t, remote, "config", "receive.denyUpdates", "true")
	git(t, remote, "config", "transfer.hideRefs", "refs/heads")
	if _, err := newGit(t, l, remote).Fix(t.Context(), msg, head); err == nil {
		t.Error("nobody says that the push was refused")
	}
	g := newGit(t, l, "http://me:secret@127.0.0.1:1/log.git")
	_, err := g.Fix(t.Context(), msg, head)
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(g.Name(), "secret") || g.Name() != "127.0.0.1:1/log.git#main" {
		t.Errorf("%s: %v", g.Name(), err)
	}
}

func TestARemoteThatIsSlowIsGivenUp(t *testing.T) {
	needs(t, "git")
	l := newTree(t, "a", 5)
	msg, head := l.signed(t, 5)
	held := hold(t)
	o := options()
	o.Timeout = 300 * time.Millisecond
	g, err := NewGit(l.trust(), held+"/log.git", "main", "", t.TempDir(), o)
	ok(t, err)
	if _, err := g.Fix(t.Context(), msg, head); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestPlacesThatGitCouldMisunderstandAreRefused(t *testing.T) {
	for _, c := range [][3]string{
		{"", "main", ""}, {"-u", "main", ""}, {"ext::sh -c id", "main", ""}, {"a\nb", "main", ""},
		{"r", "", ""}, {"r", "-f", ""}, {"r", "a..b", ""}, {"r", "a b", ""}, {"r", "+main", ""}, {"r", "a:b", ""}, {"r", "a.lock", ""}, {"r", "/a", ""}, {"r", "a/", ""},
		{"r", "main", "/"}, {"r", "main", "../a"}, {"r", "main", "a//b"}, {"r", "main", ".git"}, {"r", "main", "a,b"}, {"r", "main", "a/.."},
	} {
		if _, err := NewGit(ledger.Trust{}, c[0], c[1], c[2], "state", options()); err == nil {
			t.Errorf("%q", c)
		}
	}
	for _, branch := range []string{"main", "log/2026", "v1.2"} {
		if _, err := NewGit(ledger.Trust{}, "git@git.example:a/b.git", branch, "sites/one.example", "state", options()); err != nil {
			t.Error(err)
		}
	}
}

func TestAClonesConfigurationRunsNothing(t *testing.T) {
	needs(t, "git")
	l := newTree(t, "a", 5)
	remote := bare(t)
	msg, head := l.signed(t, 5)
	e, err := newGit(t, l, remote).Fix(t.Context(), msg, head)
	ok(t, err)
	dir := filepath.Join(t.TempDir(), "clone")
	git(t, ".", "clone", "--quiet", remote, dir)
	trace := filepath.Join(t.TempDir(), "trace")
	run := "touch '" + trace + "'"
	for _, key := range []string{"core.fsmonitor", "core.sshCommand", "core.pager", "core.askPass", "diff.external", "remote.origin.uploadpack"} {
		git(t, dir, "config", key, run)
	}
	git(t, dir, "config", "remote.origin.promisor", "true")
	git(t, dir, "config", "extensions.partialClone", "origin")
	clone, err := NewClone(dir, "main", "")
	ok(t, err)
	if _, err := e.Verify(t.Context(), msg, Terms{Log: l.trust(), Copy: clone}); err != nil {
		t.Error(err)
	}
	// A commit that is not there would be fetched from the promisor.
	missing := e
	missing.Bytes = []byte(strings.Repeat("1", 40) + " 2026-10-11-5.txt")
	if _, err := missing.Verify(t.Context(), msg, Terms{Log: l.trust(), Copy: clone}); !errors.Is(err, ErrNotThere) {
		t.Error(err)
	}
	if _, err := os.Stat(trace); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the clone's configuration was run")
	}
	if _, err := (&Clone{clone.r, "other", ""}).Read(t.Context(), "latest"); err == nil || !strings.Contains(err.Error(), "no clone with a branch") {
		t.Error(err)
	}
}
