package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/temoin/temoin/internal/durable"
	"github.com/temoin/temoin/internal/ledger"
)

// LatestName is the name of the file with the newest checkpoint.
const LatestName = "latest"

// maxFile bounds a published file that is read, in bytes.
const maxFile = 256 << 10

// FileName returns the name of a checkpoint's file: the day in UTC, and the size of
// the log.
func FileName(day time.Time, size int64) string {
	return fmt.Sprintf("%s-%d.txt", day.UTC().Format(time.DateOnly), size)
}

// A Copy is what somebody has of what was published.
type Copy interface {
	// Read returns a file of a plain name, fs.ErrNotExist if there is none.
	Read(ctx context.Context, name string) ([]byte, error)
}

// Files is a copy in a folder.
type Files struct{ FS fs.FS }

// Read reads a file, if it is a file and not too large.
func (f Files) Read(_ context.Context, name string) ([]byte, error) {
	file, err := f.FS.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s is no file", name), err)
	}
	b, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes: it is no checkpoint", name, maxFile)
	}
	return b, err
}

// InCopy verifies that a copy has the checkpoint, under a name such as [FileName]
// returns, and that its latest head continues the checkpoint's, which the proof must
// show ([ledger.Consistency]); it returns the latest head. It reads these two files
// only. It fails with [ErrNotThere], [ErrFork], or ledger.ErrProof.
func InCopy(ctx context.Context, c Copy, log ledger.Trust, checkpoint []byte, name string, proof []ledger.Hash) (ledger.Head, error) {
	mine, err := log.Open(checkpoint)
	if err != nil {
		return ledger.Head{}, err
	}
	if day, ok := dayOf(name); !ok || name != FileName(day, mine.Size) {
		return ledger.Head{}, fmt.Errorf("%.80q is not the name of a checkpoint of size %d", name, mine.Size)
	}
	there, err := read(ctx, c, log, name)
	if err != nil {
		return ledger.Head{}, err
	}
	if there.Head != mine.Head {
		return ledger.Head{}, fmt.Errorf("%s: %w", name, ErrFork)
	}
	latest, err := read(ctx, c, log, LatestName)
	if err != nil {
		return ledger.Head{}, err
	}
	if err := ledger.VerifyConsistency(mine.Head, latest.Head, proof); err != nil {
		return ledger.Head{}, fmt.Errorf("the latest checkpoint of the copy, of size %d: %w", latest.Size, err)
	}
	return latest.Head, nil
}

// dayOf reads the day in a file's name.
func dayOf(name string) (time.Time, bool) {
	if len(name) < len(time.DateOnly) {
		return time.Time{}, false
	}
	day, err := time.Parse(time.DateOnly, name[:len(time.DateOnly)])
	return day, err == nil
}

func read(ctx context.Context, c Copy, log ledger.Trust, name string) (ledger.Checkpoint, error) {
	b, err := c.Read(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return ledger.Checkpoint{}, fmt.Errorf("%w: %s", ErrNotThere, name)
	}
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	checkpoint, err := log.Open(b)
	if err != nil {
		return ledger.Checkpoint{}, fmt.Errorf("%s in the copy: %w", name, err)
	}
	return checkpoint, nil
}

// verifyPublished verifies evidence of what is published, in a copy.
func (e Evidence) verifyPublished(ctx context.Context, checkpoint []byte, t Terms) (Proven, error) {
	if t.Copy == nil {
		return Proven{}, errors.New("that a checkpoint was published can only be verified in a copy of what is published: give one, best of somebody else")
	}
	file := string(e.Bytes)
	if e.Kind == Pushed {
		commit, whole, ok := strings.Cut(file, " ")
		if !ok || !isCommit(commit) {
			return Proven{}, errors.New("the evidence names no commit")
		}
		if clone, ok := t.Copy.(*Clone); ok {
			if err := clone.has(ctx, commit, whole, checkpoint, t.Log); err != nil {
				return Proven{}, err
			}
		}
		file = path.Base(whole)
	}
	if day, ok := dayOf(file); !ok || !day.Equal(e.Time.Truncate(24*time.Hour)) {
		return Proven{}, fmt.Errorf("the evidence is of %s, and names the file %.80q", e.Time.Format(time.DateOnly), file)
	}
	latest, err := InCopy(ctx, t.Copy, t.Log, checkpoint, file, t.Proof)
	if err != nil {
		return Proven{}, err
	}
	return Proven{Kind: e.Kind, By: file, Time: e.Time, Latest: latest}, nil
}

// todo is what must be written to publish a checkpoint.
type todo struct {
	name        string
	day, latest bool
}

// plan compares a checkpoint with what is published already. A file is replaced
// only by the same checkpoint with more signatures.
func plan(ctx context.Context, c Copy, log ledger.Trust, checkpoint []byte, head ledger.Head, now time.Time) (todo, error) {
	t := todo{name: FileName(now, head.Size)}
	latest, err := read(ctx, c, log, LatestName)
	switch {
	case errors.Is(err, ErrNotThere):
	case err != nil:
		return t, fmt.Errorf("what is published cannot be read, and is not overwritten: %w", err)
	case latest.Size > head.Size:
		return t, fmt.Errorf("%w (published: %d entries, here: %d)", ErrAhead, latest.Size, head.Size)
	case latest.Size == head.Size && latest.Root != head.Root:
		return t, fmt.Errorf("%w (size %d)", ErrFork, head.Size)
	}
	there, err := read(ctx, c, log, t.name)
	switch {
	case errors.Is(err, ErrNotThere):
	case err != nil:
		return t, fmt.Errorf("what is published cannot be read, and is not overwritten: %w", err)
	case there.Head != head:
		return t, fmt.Errorf("%w (size %d)", ErrFork, head.Size)
	}
	more := func(name string) bool {
		old, err := c.Read(ctx, name)
		return err != nil || len(checkpoint) > len(old) && bytes.HasPrefix(checkpoint, old)
	}
	t.day = more(t.name)
	t.latest = latest.Head != head || more(LatestName)
	return t, nil
}

// A Directory is a folder that others see, such as one that is served, or mirrored
// to somebody. It holds the checkpoints of one log. Use its constructor.
type Directory struct {
	log  ledger.Trust
	path string
	o    Options
}

// NewDirectory returns the folder at a path. It must exist when something is fixed:
// a folder that was made because a disk is not mounted would be seen by nobody.
func NewDirectory(log ledger.Trust, folder string, o Options) (*Directory, error) {
	if folder == "" {
		return nil, errors.New("the folder to publish in has no name")
	}
	o, err := o.check()
	return &Directory{log, filepath.Clean(folder), o}, err
}

// Name returns the path.
func (d *Directory) Name() string { return d.path }

// Fix writes the checkpoint under [FileName] and as [LatestName]. Who reads sees a
// file whole or not at all; when Fix returns, both are on the disk.
func (d *Directory) Fix(ctx context.Context, checkpoint []byte, head ledger.Head) (Evidence, error) {
	fail := func(err error) (Evidence, error) {
		return Evidence{}, fmt.Errorf("publishing in %s: %w", d.path, err)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	if _, err := opened(d.log, checkpoint, head); err != nil {
		return fail(err)
	}
	if info, err := os.Stat(d.path); err != nil || !info.IsDir() {
		return fail(errors.Join(errors.New("there is no such folder: make it, or mount it"), err))
	}
	now := d.o.Clock().UTC().Truncate(time.Second)
	t, err := plan(ctx, Files{os.DirFS(d.path)}, d.log, checkpoint, head, now)
	if err != nil {
		return fail(err)
	}
	if t.day {
		if err := write(d.path, t.name, checkpoint); err != nil {
			return fail(err)
		}
	}
	if t.latest {
		if err := write(d.path, LatestName, checkpoint); err != nil {
			return fail(err)
		}
	}
	return Evidence{Published, d.path, now, []byte(t.name)}, nil
}

// write puts a file for everybody in its place.
func write(folder, name string, b []byte) error {
	return durable.Replace(filepath.Join(folder, name), 0o644, func(f *os.File) error {
		_, err := f.Write(b)
		return err
	})
}

var _ Anchor = (*Directory)(nil)
