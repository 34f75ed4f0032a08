package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/temoin/temoin/internal/register"
)

// Commit makes choices durable in one transaction: see register.Committer.
func (s *Store) Commit(ctx context.Context, rows []register.Row) ([]register.Row, error) {
	if s.options.beside {
		return nil, errBeside
	}
	fresh := s.fresh(rows)
	kept, err := s.engine.commit(ctx, rows, fresh)
	if err != nil {
		return nil, err
	}
	if err := s.known(ctx, fresh); err != nil {
		return nil, err
	}
	s.changed()
	return kept, s.unpack(ctx, kept, false)
}

// fresh returns the frames of rows that are not known to be kept.
func (s *Store) fresh(rows []register.Row) []*register.Frame {
	var fresh []*register.Frame
	for i := range rows {
		f := rows[i].Frame
		if f == nil {
			continue
		}
		if _, ok := s.frames.Load(f.Key); !ok && !slices.ContainsFunc(fresh, func(o *register.Frame) bool { return o.Key == f.Key }) {
			fresh = append(fresh, f)
		}
	}
	return fresh
}

// known remembers frames that were committed.
func (s *Store) known(ctx context.Context, frames []*register.Frame) error {
	for _, f := range frames {
		kept, err := s.frame(ctx, f.Key)
		if err != nil {
			return err
		}
		if !bytes.Equal(kept.Bytes, f.Bytes) {
			return fmt.Errorf("frame %d is not the one that is kept under this key", f.Key)
		}
	}
	return nil
}

// frame returns the frame of a key.
func (s *Store) frame(ctx context.Context, key int64) (*register.Frame, error) {
	if f, ok := s.frames.Load(key); ok {
		return f.(*register.Frame), nil
	}
	f := &register.Frame{Key: key}
	if err := s.read.QueryRowContext(ctx, `SELECT bytes FROM frame WHERE key = $1`, key).Scan(&f.Bytes); err != nil {
		return nil, fmt.Errorf("frame %d: %w", key, err)
	}
	if register.NewFrame(f.Bytes).Key != key {
		return nil, fmt.Errorf("frame %d is not what its key says: the store is damaged", key)
	}
	s.frames.Store(key, f)
	return f, nil
}

// unpack gives rows that were read their frames, and makes them whole if they are
// to be. It reads: no result may be open on the way, or there are no connections
// left for it.
func (s *Store) unpack(ctx context.Context, rows []register.Row, whole bool) error {
	for i := range rows {
		r := &rows[i]
		if r.Frame == nil {
			continue
		}
		if r.Frame.Bytes == nil {
			f, err := s.frame(ctx, r.Frame.Key)
			if err != nil {
				return err
			}
			r.Frame = f
		}
		if !whole {
			continue
		}
		var err error
		if *r, err = r.Unpack(); err != nil {
			return err
		}
	}
	return nil
}

// choiceColumns are what scanChoice scans, of a choice c.
const choiceColumns = `c.site, c.id, c.salt, c.frame, c.record, c.account`

// scanChoice reads a row of choice, and what stands behind it in the same result.
// It is packed still: see unpack.
func scanChoice(row interface{ Scan(into ...any) error }, more ...any) (register.Row, error) {
	var r register.Row
	var id, salt []byte
	var frame sql.NullInt64
	if err := row.Scan(append([]any{&r.Site, &id, &salt, &frame, &r.Record, &r.Account}, more...)...); err != nil {
		return r, err
	}
	copy(r.ID[:], id)
	copy(r.Salt[:], salt)
	if frame.Valid {
		r.Frame = &register.Frame{Key: frame.Int64}
	}
	return r, nil
}
