package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/temoin/temoin/internal/register"
)

var _ register.Archive = (*Store)(nil)

// PutArtifact archives bytes under their hash, once: see register.Archive.
func (s *Store) PutArtifact(ctx context.Context, h register.Hash, b []byte) error {
	if err := register.CheckArtifact(h, b); err != nil {
		return err
	}
	_, err := s.write.ExecContext(ctx, `INSERT INTO artifact (hash, bytes) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`, h[:], b)
	return err
}

// Artifact returns archived bytes; register.ErrNoArtifact where there are none.
func (s *Store) Artifact(ctx context.Context, h register.Hash) ([]byte, error) {
	var b []byte
	err := s.read.QueryRowContext(ctx, `SELECT bytes FROM artifact WHERE hash = $1`, h[:]).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, register.ErrNoArtifact
	}
	return b, err
}

// PutVersion lists evidence as a version of a site, once: see register.Archive.
func (s *Store) PutVersion(ctx context.Context, site string, evidence register.Hash, at time.Time) error {
	if err := register.Confirm(ctx, s, site, evidence); err != nil {
		return err
	}
	return s.archive(ctx, func(tx *sql.Tx) (bool, error) {
		var last int64
		if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(number), 0) FROM version WHERE site = $1`, site).Scan(&last); err != nil {
			return false, err
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO version (site, number, evidence, at) VALUES ($1, $2, $3, $4) ON CONFLICT (site, evidence) DO NOTHING`,
			site, last+1, evidence[:], at.Unix())
		if err != nil {
			return false, err
		}
		n, err := res.RowsAffected()
		return n == 1, err
	})
}

// archive changes a list, and the generation with it. Such transactions run one
// after another: what one reads, no other one changes. Where do changes nothing, so
// does it.
func (s *Store) archive(ctx context.Context, do func(tx *sql.Tx) (changed bool, err error)) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if _, err := tx.ExecContext(ctx, `UPDATE generation SET number = number + 1 WHERE one = 1`); err != nil {
		return err
	}
	if changed, err := do(tx); err != nil || !changed {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.changed()
	return nil
}

// Versions returns all versions of a site, the oldest first.
func (s *Store) Versions(ctx context.Context, site string) ([]register.Listed, error) {
	var out []register.Listed
	err := s.list(ctx, `SELECT evidence, at FROM version WHERE site = $1 ORDER BY number`, site, func(scan func(...any) error) error {
		var evidence []byte
		var at int64
		err := scan(&evidence, &at)
		out = append(out, register.Listed{Evidence: hash(evidence), At: time.Unix(at, 0).UTC()})
		return err
	})
	return out, err
}

// Active returns the version of a site that is active; false for none.
func (s *Store) Active(ctx context.Context, site string) (register.Hash, bool, error) {
	_, evidence, err := lastActivation(ctx, s.read, site)
	if err != nil || evidence == nil {
		return register.Hash{}, false, err
	}
	return hash(evidence), true, nil
}

// lastActivation returns number and evidence of a site's last activation; nil for
// none.
func lastActivation(ctx context.Context, q querier, site string) (number int64, evidence []byte, err error) {
	err = q.QueryRowContext(ctx, `SELECT number, evidence FROM activation WHERE site = $1 ORDER BY number DESC LIMIT 1`, site).Scan(&number, &evidence)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, nil
	}
	return number, evidence, err
}

// Activate makes a listed version the active one if the one before still is: see
// register.Archive.
func (s *Store) Activate(ctx context.Context, site string, from register.Hash, to register.Activation) error {
	if err := register.Confirm(ctx, s, site, to.Evidence); err != nil {
		return err
	}
	return s.archive(ctx, func(tx *sql.Tx) (bool, error) {
		var listed int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM version WHERE site = $1 AND evidence = $2`, site, to.Evidence[:]).Scan(&listed); err != nil {
			return false, err
		}
		if listed == 0 {
			return false, fmt.Errorf("version %v of %s: %w", to.Evidence, site, register.ErrNotListed)
		}
		last, active, err := lastActivation(ctx, tx, site)
		if err != nil {
			return false, err
		}
		if hash(active) != from {
			return false, register.ErrSuperseded
		}
		if from == to.Evidence {
			return false, nil
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO activation (site, number, evidence, at, by) VALUES ($1, $2, $3, $4, $5)`,
			site, last+1, to.Evidence[:], to.At.Unix(), to.By)
		return err == nil, err
	})
}

// Activations returns the history of a site's active versions.
func (s *Store) Activations(ctx context.Context, site string) ([]register.Activation, error) {
	var out []register.Activation
	err := s.list(ctx, `SELECT evidence, at, by FROM activation WHERE site = $1 ORDER BY number`, site, func(scan func(...any) error) error {
		var a register.Activation
		var evidence []byte
		var at int64
		err := scan(&evidence, &at, &a.By)
		a.Evidence, a.At = hash(evidence), time.Unix(at, 0).UTC()
		out = append(out, a)
		return err
	})
	return out, err
}

// Generation returns a number that grows with each version and each activation.
func (s *Store) Generation(ctx context.Context) (n int64, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT number FROM generation WHERE one = 1`).Scan(&n)
	return n, err
}

// list reads the rows of one site.
func (s *Store) list(ctx context.Context, query, site string, row func(scan func(...any) error) error) error {
	rows, err := s.read.QueryContext(ctx, query, site)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// hash reads a hash from its column; the zero one where there is none.
func hash(b []byte) (h register.Hash) {
	copy(h[:], b)
	return h
}
