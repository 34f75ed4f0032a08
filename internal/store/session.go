package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What a session of one's own is for: leading and listening.
const (
	channel   = "temoin"                // of NOTIFY
	tryAgain  = 500 * time.Millisecond  // to lead
	heartbeat = time.Second             // of who leads
	answered  = 1500 * time.Millisecond // or the lease is lost
	idle      = "3000"                  // ms: then the server ends the session and its lock
	silence   = 30 * time.Second        // then a listener asks whether the server is there
)

var errPooler = errors.New("a connection pooler answers there, and it shares sessions between transactions: locks and notifications get lost. Give the address of PostgreSQL itself, or let the pooler keep a session for each client (PgBouncer: pool_mode = session, and ignore_startup_parameters with those that it refuses)")

// session opens a connection outside the pool.
func session(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	config = config.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // prepares nothing
	conn, err := pgx.ConnectConfig(ctx, config)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && strings.Contains(refused.Message, "unsupported startup parameter") {
		return nil, fmt.Errorf("%w (it says: %s)", errPooler, refused.Message)
	}
	if err != nil {
		return nil, oneLine{err}
	}
	return conn, nil
}

// A oneLine is an error that pgx writes on several lines, one for each address that it
// has tried.
type oneLine struct{ error }

func (o oneLine) Error() string {
	return strings.ReplaceAll(strings.ReplaceAll(o.error.Error(), ":\n\t", ": "), "\n\t", "; ")
}

func (o oneLine) Unwrap() error { return o.error }

// hangUp closes a session. Where the server does not answer, it does not wait.
func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), tryAgain)
	defer cancel()
	conn.Close(ctx) //nolint:errcheck // it is over in any case
}

// backend returns the process that serves a session.
func backend(ctx context.Context, conn *pgx.Conn) (pid uint32, err error) {
	err = conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&pid)
	return pid, err
}

// refusePooler finds out whether sessions are shared. A server tells each client
// the process that serves it; a pooler has to tell something else. Then two
// sessions at a time show whether each keeps its own.
func refusePooler(ctx context.Context, conn *pgx.Conn, config *pgx.ConnConfig) error {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	first, err := backend(ctx, conn)
	if err != nil || first == conn.PgConn().PID() {
		return err
	}
	other, err := session(ctx, config)
	if err != nil {
		return err
	}
	defer hangUp(other)
	for range 8 {
		if shared, err := shares(ctx, conn, other, first); err != nil {
			return fmt.Errorf("%w (%w)", errPooler, err)
		} else if shared {
			return errPooler
		}
	}
	return nil
}

// shares reports whether a transaction of another session runs in the process
// that served the first, or drives the first out of it.
func shares(ctx context.Context, conn, other *pgx.Conn, first uint32) (bool, error) {
	tx, err := other.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // nothing was done in it
	if pid, err := backend(ctx, other); err != nil || pid == first {
		return true, err
	}
	now, err := backend(ctx, conn)
	return now != first, err
}

// lead asks for the lock until it is this session's. A session that says nothing
// for a while, since its process is dead, hangs or is cut off, ends at the server's
// side, and its lock with it.
func (p *postgres) lead(ctx context.Context) (func(context.Context) error, error) {
	var conn *pgx.Conn
	var last error
	again := time.NewTicker(tryAgain)
	defer again.Stop()
	for {
		var won bool
		if conn, won, last = p.try(ctx, conn); won {
			return func(ctx context.Context) error { return hold(ctx, conn) }, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			if conn != nil {
				hangUp(conn)
			}
			return nil, errors.Join(context.Cause(ctx), last)
		}
	}
}

// try asks for the lock once, in a session that it opens if there is none. It
// gives the session back if that is still good.
func (p *postgres) try(ctx context.Context, conn *pgx.Conn) (*pgx.Conn, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	if conn == nil {
		var err error
		if conn, err = session(ctx, p.config); err != nil {
			return nil, false, err
		}
		if _, err := conn.Exec(ctx, `SET idle_session_timeout = `+idle); err != nil {
			hangUp(conn)
			return nil, false, err
		}
	}
	var won bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended('temoin sequencer ' || current_schema(), 0))`).Scan(&won); err != nil {
		hangUp(conn)
		return nil, false, err
	}
	return conn, won, nil
}

// hold keeps the session alive until ctx ends, or it finds that the session does
// not answer in time or is another one.
func hold(ctx context.Context, conn *pgx.Conn) error {
	defer hangUp(conn)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	var mine uint32
	for {
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, answered)
			defer cancel()
			pid, err := backend(ctx, conn)
			if err == nil && mine != 0 && pid != mine {
				err = errPooler
			}
			mine = pid
			return err
		}()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-beat.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// announce has other processes told, at most every so often.
func (p *postgres) announce() { wake(p.hints) }

// notify sends the hints. One that cannot be sent is left out: others poll.
func (p *postgres) notify(ctx context.Context) {
	pause := time.NewTicker(hintly)
	defer pause.Stop()
	for {
		select {
		case <-p.hints:
		case <-ctx.Done():
			return
		}
		p.tellAll(ctx)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *postgres) tellAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, poll)
	defer cancel()
	p.db.ExecContext(ctx, `SELECT pg_notify($1, '')`, channel) //nolint:errcheck // a hint
}

// listen hears what other processes announce.
func (p *postgres) listen(ctx context.Context, told func()) {
	again := time.NewTicker(poll)
	defer again.Stop()
	for {
		p.hear(ctx, told)
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// hear listens until the session fails.
func (p *postgres) hear(ctx context.Context, told func()) {
	conn, err := session(ctx, p.config)
	if err != nil {
		return
	}
	defer hangUp(conn)
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		return
	}
	for {
		told() // also of what was said before
		if !hearOne(ctx, conn) {
			return
		}
	}
}

// hearOne waits for one notification; false when the session has failed.
func hearOne(ctx context.Context, conn *pgx.Conn) bool {
	for {
		quiet, cancel := context.WithTimeout(ctx, silence)
		_, err := conn.WaitForNotification(quiet)
		cancel()
		if err == nil {
			return true
		}
		if ctx.Err() != nil || conn.IsClosed() {
			return false
		}
		asked, cancel := context.WithTimeout(ctx, connectWithin)
		err = conn.Ping(asked)
		cancel()
		if err != nil {
			return false
		}
	}
}
