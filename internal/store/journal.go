package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/temoin/temoin/internal/durable"
	"github.com/temoin/temoin/internal/register"
)

// journalName is the file in a store's folder that has the journal of erasures
// besides the database: when that is lost, or an older one takes its place, the
// erasures since then are known.
const journalName = "erasures.jsonl"

// JournalTo has erasures written to a file as well, before they are done: one on
// another disk, or with PostgreSQL, which has no folder. Call it before erasing.
func (s *Store) JournalTo(file string) { s.journals = append(s.journals, file) }

// UsualJournal reports whether a file is the one in a store's folder that erasures are
// written to in any case.
func UsualJournal(where, file string) bool {
	usual := filepath.Join(where, journalName)
	if filepath.Base(file) != journalName {
		return false
	}
	one, err1 := os.Stat(filepath.Dir(usual))
	two, err2 := os.Stat(filepath.Dir(file))
	return err1 == nil && err2 == nil && os.SameFile(one, two)
}

// folder returns where the database's file is; "" for PostgreSQL. Within a
// transaction it must be asked there.
func (s *Store) folder(ctx context.Context, q querier) (string, error) {
	if _, ok := s.engine.(*sqlite); !ok {
		return "", nil
	}
	var file string
	err := q.QueryRowContext(ctx, `SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(&file)
	return filepath.Dir(file), err
}

// writeJournals writes entries into the files, to the disk. It returns those that have
// them.
func (s *Store) writeJournals(ctx context.Context, tx *sql.Tx, journal []register.Erasure) ([]string, error) {
	folder, err := s.folder(ctx, tx)
	if err != nil {
		return nil, err
	}
	files := slices.Clone(s.journals)
	if folder != "" {
		files = append(files, filepath.Join(folder, journalName))
	}
	for i, file := range files {
		if err := appendJournal(file, journal); err != nil {
			return files[:i], err
		}
	}
	return files, nil
}

// appendJournal appends entries to a file, and returns when they are on the disk.
// What somebody left who died amid a line is ended first.
func appendJournal(file string, journal []register.Erasure) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	var b []byte
	if size > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			b = append(b, '\n')
		}
	}
	for _, e := range journal {
		b = append(b, e.Line()...)
	}
	if n, err := f.Write(b); err != nil {
		return errors.Join(err, takeBack(f, size, n))
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if size == 0 {
		return durable.SyncFolder(filepath.Dir(file))
	}
	return f.Close()
}

// takeBack cuts off what was written of a line when the disk was full, unless somebody
// has written behind it.
func takeBack(f *os.File, size int64, written int) error {
	if info, err := f.Stat(); err != nil || info.Size() != size+int64(written) {
		return err
	}
	return f.Truncate(size)
}

// toldIn says of an erasure that failed that files tell of it.
func toldIn(files []string, err error) error {
	if err == nil || len(files) == 0 {
		return err
	}
	return fmt.Errorf("%w. Take it as not done; yet the journal of erasures tells of it, which is written first (%s): a restore that reads that will erase these records. Mend the cause and run this again, so that both agree", err, strings.Join(files, ", "))
}

// readJournal reads a file of entries; none where there is no file.
func readJournal(file string) ([]register.Erasure, error) {
	src, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	list, err := register.ParseJournal(string(src))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return list, nil
}

// ErrCut says that the last line of a journal of erasures is cut.
var ErrCut = errors.New("the last line of the journal of erasures is cut: an erasure may be lacking, and those behind it, and what was erased would come back with the backup. Take the whole file, from where this one was copied. If there is none, since the machine stopped amid an erasure, then that one was not done: delete the last line")

// ReadJournal reads a journal that a restore is given: one of which the end is cut
// off is refused. Amid a journal such a line is passed over, as in
// register.ParseJournal: what was written behind it shows that somebody died there.
func ReadJournal(text string) ([]register.Erasure, error) {
	text = strings.TrimSpace(text)
	if last := text[strings.LastIndexByte(text, '\n')+1:]; strings.HasPrefix(last, "{") && !strings.HasSuffix(last, "}") {
		return nil, ErrCut
	}
	return register.ParseJournal(text)
}

// lastJournal is ReadJournal of the file that a store has left in its folder.
func lastJournal(file string) ([]register.Erasure, error) {
	src, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	list, err := ReadJournal(string(src))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return list, nil
}

// trimFile takes entries out of the file in the folder. The transaction keeps others
// from writing to it.
func (s *Store) trimFile(ctx context.Context, tx *sql.Tx, due register.Due) error {
	folder, err := s.folder(ctx, tx)
	if err != nil || folder == "" {
		return err
	}
	file := filepath.Join(folder, journalName)
	list, err := readJournal(file)
	if err != nil || list == nil {
		return err
	}
	return writeJournal(file, slices.DeleteFunc(list, func(e register.Erasure) bool { return e.Site == due.Site && e.At.Before(due.Journal) }))
}

// writeJournal writes a file of entries, whole or not at all.
func writeJournal(file string, list []register.Erasure) error {
	var b bytes.Buffer
	for _, e := range list {
		b.Write(e.Line())
	}
	return durable.Replace(file, 0o600, func(f *os.File) error {
		_, err := f.Write(b.Bytes())
		return err
	})
}
