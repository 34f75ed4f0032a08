package anchor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/internal/ledger"
)

// Git publishes into a branch of a remote, by the git program. It never forces: a
// branch whose past was replaced since is an error, as long as the state is kept.
// Use its constructor.
//
// Git sees neither the user's configuration nor the machine's, runs no hook of ours,
// and asks nobody: over SSH it has the keys that ssh finds, over HTTPS what stands in
// the address or in ~/.netrc.
type Git struct {
	log                           ledger.Trust
	remote, branch, folder, state string
	o                             Options
}

var (
	goodBranch = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*([./][A-Za-z0-9_-]+)*$`)
	goodFolder = regexp.MustCompile(`^[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)*$`)
	commitID   = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

func isCommit(text string) bool { return commitID.MatchString(text) }

// checkPlace says why there can be no such branch, or folder in it.
func checkPlace(branch, folder string) error {
	if !goodBranch.MatchString(branch) || strings.HasSuffix(branch, ".lock") || len(branch) > 200 {
		return fmt.Errorf("%.80q is no branch to publish on: letters, digits and ._-/ can be in it", branch)
	}
	if folder != "" && (!goodFolder.MatchString(folder) || len(folder) > 200) {
		return fmt.Errorf("%.80q is no folder to publish in: letters, digits and ._-/ can be in it, none for the top", folder)
	}
	return nil
}

// NewGit returns a branch of a remote, and the folder in it, which may be empty for
// the top. The files are in a folder of one log. state is a folder of our own; it is
// made if it is missing.
func NewGit(log ledger.Trust, remote, branch, folder, state string, o Options) (*Git, error) {
	if remote == "" || remote[0] == '-' || strings.Contains(remote, "::") || strings.ContainsAny(remote, "\x00\n") {
		return nil, errors.New("this is no remote to publish to: give an address or a path that git push knows")
	}
	if err := checkPlace(branch, folder); err != nil {
		return nil, err
	}
	if state == "" {
		return nil, errors.New("publishing with git needs a folder for its state")
	}
	state, err := filepath.Abs(state)
	if err != nil {
		return nil, err
	}
	o, err = o.check()
	return &Git{log, remote, branch, folder, state, o}, err
}

// Name returns the remote, without any password, and the branch.
func (g *Git) Name() string { return g.place() + "#" + g.branch }

func (g *Git) place() string {
	if u, err := url.Parse(g.remote); err == nil && u.Host != "" {
		return placeOf(u)
	} else if strings.Contains(g.remote, "://") {
		return "the remote"
	}
	return g.remote
}

const (
	gitName = "Temoin"
	gitMail = "temoin@localhost"
)

// Fix commits the checkpoint, under [FileName] and as [LatestName], and pushes it.
// Somebody else may push to the branch at the same time.
func (g *Git) Fix(ctx context.Context, checkpoint []byte, head ledger.Head) (Evidence, error) {
	fail := func(err error) (Evidence, error) {
		return Evidence{}, fmt.Errorf("publishing in %s: %w", g.Name(), err)
	}
	c, err := opened(g.log, checkpoint, head)
	if err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithTimeout(ctx, g.o.Timeout)
	defer cancel()
	now := g.o.Clock().UTC().Truncate(time.Second)
	r, err := g.open(ctx, now)
	if err != nil {
		return fail(err)
	}
	var last string
	var pushed error
	for range 4 {
		tip, err := g.fetch(ctx, r)
		if err != nil {
			return fail(err)
		}
		if pushed != nil && tip == last {
			return fail(pushed) // nobody was faster: the remote does not want it
		}
		last = tip
		there := revision{r, tip, g.folder}
		t, err := plan(ctx, there, g.log, checkpoint, head, now)
		if err != nil {
			return fail(err)
		}
		evidence := func(commit string) Evidence {
			return Evidence{Pushed, g.Name(), now, []byte(commit + " " + path.Join(g.folder, t.name))}
		}
		if !t.day && !t.latest {
			return evidence(tip), nil
		}
		commit, err := g.commit(ctx, r, tip, t, checkpoint, fmt.Sprintf("%s: %d entries\n", c.Origin, c.Size))
		if err != nil {
			return fail(err)
		}
		if _, pushed = r.run(ctx, nil, "push", "--quiet", "--no-verify", "--no-recurse-submodules", "--", g.remote, commit+":refs/heads/"+g.branch); pushed == nil {
			_, err := r.run(ctx, nil, "update-ref", g.ref(), commit)
			if err != nil {
				return fail(err)
			}
			return evidence(commit), nil
		}
		if ctx.Err() != nil {
			return fail(pushed)
		}
	}
	return fail(pushed)
}

// ref is where the state remembers the branch.
func (g *Git) ref() string {
	sum := sha256.Sum256([]byte(g.remote + "\x00" + g.branch))
	return fmt.Sprintf("refs/known/%x", sum[:12])
}

// open makes the state if need be.
func (g *Git) open(ctx context.Context, now time.Time) (*repository, error) {
	if err := os.MkdirAll(g.state, 0o700); err != nil {
		return nil, err
	}
	// The configuration is a file, so that it reaches a remote on the same disk too.
	config := filepath.Join(g.state, "config")
	const text = "[core]\n\thooksPath = /dev/null\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[credential]\n\thelper =\n"
	if old, err := os.ReadFile(config); err != nil || string(old) != text {
		if err := write(g.state, "config", []byte(text)); err != nil {
			return nil, err
		}
	}
	date := fmt.Sprintf("%d +0000", now.Unix())
	r := &repository{
		dir: filepath.Join(g.state, "repository.git"), secret: g.remote, place: g.place(),
		env: []string{
			"GIT_DIR=" + filepath.Join(g.state, "repository.git"), "GIT_INDEX_FILE=" + filepath.Join(g.state, "index"),
			"GIT_CONFIG_GLOBAL=" + config,
			"GIT_AUTHOR_NAME=" + gitName, "GIT_AUTHOR_EMAIL=" + gitMail, "GIT_AUTHOR_DATE=" + date,
			"GIT_COMMITTER_NAME=" + gitName, "GIT_COMMITTER_EMAIL=" + gitMail, "GIT_COMMITTER_DATE=" + date,
		},
	}
	if _, err := os.Stat(filepath.Join(r.dir, "HEAD")); err == nil {
		return r, nil
	}
	_, err := r.run(ctx, nil, "init", "--quiet", "--bare", "--template=", r.dir)
	return r, err
}

// fetch brings the branch here, and returns its last commit, "" if the remote does
// not have it yet.
func (g *Git) fetch(ctx context.Context, r *repository) (string, error) {
	known, _ := r.run(ctx, nil, "rev-parse", "--verify", "--quiet", g.ref())
	if err := ctx.Err(); err != nil {
		return "", err
	}
	name := "refs/heads/" + g.branch
	list, err := r.run(ctx, nil, "ls-remote", "--", g.remote, name)
	if err != nil {
		return "", err
	}
	// The argument is a pattern, of which names that end in it are found too.
	found := slices.ContainsFunc(strings.Split(string(list), "\n"), func(line string) bool {
		_, ref, _ := strings.Cut(line, "\t")
		return ref == name
	})
	if !found {
		if len(known) > 0 {
			return "", fmt.Errorf("%w: the branch is gone from the remote, where %s was the last commit", ErrFork, bytes.TrimSpace(known))
		}
		return "", nil
	}
	const incoming = "refs/incoming/tip"
	_, err = r.run(ctx, nil, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--", g.remote, "+"+name+":"+incoming)
	if err != nil {
		return "", err
	}
	tip, err := r.run(ctx, nil, "rev-parse", "--verify", incoming+"^{commit}")
	if err != nil {
		return "", err
	}
	if id := string(bytes.TrimSpace(known)); id != "" {
		if _, err := r.run(ctx, nil, "merge-base", "--is-ancestor", id, incoming); ctx.Err() != nil {
			return "", err
		} else if err != nil {
			return "", fmt.Errorf("%w: the past of the branch was replaced, %s is not in it any more", ErrFork, id)
		}
	}
	_, err = r.run(ctx, nil, "update-ref", g.ref(), incoming)
	return string(bytes.TrimSpace(tip)), err
}

// commit makes a commit after the tip, without a work tree.
func (g *Git) commit(ctx context.Context, r *repository, tip string, t todo, checkpoint []byte, message string) (string, error) {
	blob, err := r.run(ctx, checkpoint, "hash-object", "-w", "--stdin")
	if err != nil {
		return "", err
	}
	base := tip
	if tip == "" {
		base = "--empty"
	}
	// One that was left by a run that died would be in the way.
	for _, left := range []string{"index", "index.lock"} {
		if err := os.Remove(filepath.Join(g.state, left)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	if _, err := r.run(ctx, nil, "read-tree", base); err != nil {
		return "", err
	}
	for name, do := range map[string]bool{t.name: t.day, LatestName: t.latest} {
		if !do {
			continue
		}
		entry := fmt.Sprintf("100644,%s,%s", bytes.TrimSpace(blob), path.Join(g.folder, name))
		if _, err := r.run(ctx, nil, "update-index", "--add", "--cacheinfo", entry); err != nil {
			return "", err
		}
	}
	tree, err := r.run(ctx, nil, "write-tree")
	if err != nil {
		return "", err
	}
	args := []string{"commit-tree", string(bytes.TrimSpace(tree))}
	if tip != "" {
		args = append(args, "-p", tip)
	}
	commit, err := r.run(ctx, []byte(message), args...)
	return string(bytes.TrimSpace(commit)), err
}

// repository runs git in a repository.
type repository struct {
	dir           string
	env           []string
	flags         []string
	secret, place string // what may stand in messages, and what to say instead
}

// inherited is what git gets of our environment.
var inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"}

// maxOutput bounds what git says, in bytes.
const maxOutput = 1 << 20

func (r *repository) run(ctx context.Context, in []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", slices.Concat(r.flags, args)...)
	cmd.Dir = filepath.Dir(r.dir)
	cmd.Env = []string{
		"LC_ALL=C", "TZ=UTC", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "SSH_ASKPASS=",
		"GIT_SSH_COMMAND=ssh -oBatchMode=yes", "GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1", "GIT_OPTIONAL_LOCKS=0",
	}
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Env = append(cmd.Env, r.env...)
	out, errs := &bounded{most: maxOutput}, &bounded{most: 4096, cut: true}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), out, errs
	// Interrupted and not killed, git takes its locks with it.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	// What git has started, such as ssh, may outlive it; nobody waits for that.
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case err == nil:
		return out.Bytes(), nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("the git program is missing: install git")
	case ctx.Err() != nil:
		return nil, fmt.Errorf("git %s took too long, or was interrupted: %w", args[0], ctx.Err())
	}
	says := strings.TrimSpace(errs.String())
	if r.secret != "" {
		says = strings.ReplaceAll(says, r.secret, r.place)
	}
	return nil, fmt.Errorf("git %s: %w: %s", args[0], err, says)
}

// bounded keeps so many bytes; more are an error, or cut off.
type bounded struct {
	bytes.Buffer
	most int
	cut  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if left := b.most - b.Len(); len(p) > left {
		if !b.cut {
			return 0, errors.New("git says too much")
		}
		b.Buffer.Write(p[:left])
		return len(p), nil
	}
	return b.Buffer.Write(p)
}

// revision is a commit of a repository, a Copy. Without a commit it is empty.
type revision struct {
	r              *repository
	commit, folder string
}

func (v revision) Read(ctx context.Context, name string) ([]byte, error) {
	missing := &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	if v.commit == "" {
		return nil, missing
	}
	file := path.Join(v.folder, name)
	list, err := v.r.run(ctx, nil, "ls-tree", "-z", "--full-tree", "--long", v.commit, "--", file)
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(string(list), "\x00")
	what, listed, _ := strings.Cut(line, "\t")
	fields := strings.Fields(what)
	if listed != file || len(fields) != 4 {
		return nil, missing
	}
	var size int64
	if _, err := fmt.Sscan(fields[3], &size); err != nil || fields[0] != "100644" || fields[1] != "blob" || size > maxFile {
		return nil, fmt.Errorf("%s in commit %s is no file, or has more than %d bytes", file, v.commit, maxFile)
	}
	return v.r.run(ctx, nil, "cat-file", "blob", fields[2])
}

// A Clone is a copy in a clone of the remote, which somebody else should have made.
// Nothing is fetched, and nothing is run that its configuration names.
type Clone struct {
	r              *repository
	branch, folder string
}

// NewClone returns a clone, with a work tree or without. The branch is the one that
// the clone has under this name, and if it has none, the one of its origin.
func NewClone(folderOfClone, branch, folder string) (*Clone, error) {
	if err := checkPlace(branch, folder); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(folderOfClone)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(filepath.Join(dir, ".git")); err == nil && info.IsDir() {
		dir = filepath.Join(dir, ".git")
	}
	r := &repository{
		dir: dir,
		env: []string{"GIT_DIR=" + dir, "GIT_CONFIG_GLOBAL=" + os.DevNull},
		flags: []string{"-c", "protocol.allow=never", "-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false",
			"-c", "core.commitGraph=false", "--no-pager"},
	}
	return &Clone{r, branch, folder}, nil
}

// tip returns the last commit of the branch.
func (c *Clone) tip(ctx context.Context) (string, error) {
	for _, name := range []string{"refs/heads/", "refs/remotes/origin/"} {
		id, err := c.r.run(ctx, nil, "rev-parse", "--verify", "--quiet", name+c.branch+"^{commit}")
		if err == nil {
			return strings.TrimSpace(string(id)), nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
	return "", fmt.Errorf("%s is no clone with a branch %s: clone the remote, or fetch", c.r.dir, c.branch)
}

// Read reads a file of the branch's last commit.
func (c *Clone) Read(ctx context.Context, name string) ([]byte, error) {
	tip, err := c.tip(ctx)
	if err != nil {
		return nil, err
	}
	return revision{c.r, tip, c.folder}.Read(ctx, name)
}

// has verifies that a commit is in the branch, and that a file in it is a checkpoint
// of the same head.
func (c *Clone) has(ctx context.Context, commit, file string, checkpoint []byte, log ledger.Trust) error {
	tip, err := c.tip(ctx)
	if err != nil {
		return err
	}
	if _, err := c.r.run(ctx, nil, "merge-base", "--is-ancestor", commit, tip); err != nil {
		return fmt.Errorf("%w: the commit %s is not in the branch %s: fetch; if it is still not there, the past was replaced", ErrNotThere, commit, c.branch)
	}
	if path.Dir(file) != path.Clean("./"+c.folder) {
		return fmt.Errorf("%w: the evidence is of another folder, %.200q", ErrNotThere, path.Dir(file))
	}
	mine, err := log.Open(checkpoint)
	if err != nil {
		return err
	}
	there, err := read(ctx, revision{c.r, commit, c.folder}, log, path.Base(file))
	if err != nil {
		return err
	}
	if there.Head != mine.Head {
		return fmt.Errorf("commit %s: %w", commit, ErrFork)
	}
	return nil
}

var (
	_ Anchor = (*Git)(nil)
	_ Copy   = (*Clone)(nil)
)
