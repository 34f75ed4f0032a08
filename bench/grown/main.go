// Command grown measures whether keeping a choice, and putting it into the log, costs
// more in a store that holds many: groups of 64 are committed to one of ten thousand
// records and to the same one when it holds ten million.
//
//	go run ./bench/grown [-records 10000000] [-store DIR]
//
// It takes some minutes, and 6 GB of the disk for ten million records.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/policy"
)

func main() {
	log.SetFlags(0)
	records := flag.Int("records", 10_000_000, "how many the store holds in the end")
	where := flag.String("store", "", "a `folder` for the store, or an address of PostgreSQL; a temporary folder unless you say otherwise")
	flag.Parse()
	if err := run(*records, *where); err != nil {
		log.Fatalln("bench/grown:", err)
	}
}

const (
	few     = 10_000
	group   = 64  // choices of one commit that is measured
	samples = 600 // of these
	load    = 512 // choices of one commit that is not
)

func run(records int, where string) error {
	if where == "" {
		dir, err := os.MkdirTemp("", "temoin-grown")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		where = dir
	}
	ctx := context.Background()
	s, err := store.Open(ctx, where)
	if err != nil {
		return err
	}
	defer s.Close()
	m, err := newMaker(s)
	if err != nil {
		return err
	}
	if err := m.fill(ctx, few); err != nil {
		return err
	}
	small, err := m.measure(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("at %10d records: %5.1f µs a choice to commit (p99 of a group %6.2f ms), %5.1f µs to put into the log\n", few, small.commit, small.p99, small.log)
	if err := m.fill(ctx, records); err != nil {
		return err
	}
	large, err := m.measure(ctx)
	if err != nil {
		return err
	}
	verdict := "met"
	if large.commit > 1.3*small.commit {
		verdict = "not met"
	}
	fmt.Printf("at %10d records: %5.1f µs a choice to commit (p99 of a group %6.2f ms), %5.1f µs to put into the log\n", m.made, large.commit, large.p99, large.log)
	fmt.Printf("committing %.2f times as long; budget 1.30: %s; the log %.2f times\n", large.commit/small.commit, verdict, large.log/small.log)
	return nil
}

// A maker makes choices in the order of time, a thousand a second.
type maker struct {
	store     *store.Store
	sequencer *register.Sequencer
	site      *policy.Site
	template  *register.Template
	began     time.Time
	made      int
}

func newMaker(s *store.Store) (*maker, error) {
	name, manifest, err := examples.Manifest("cexro", false)
	if err != nil {
		return nil, err
	}
	site, err := policy.Parse(name, manifest)
	if err != nil {
		return nil, err
	}
	key, err := ledger.NewKey("grown.example", rand.Reader)
	if err != nil {
		return nil, err
	}
	return &maker{
		store: s, sequencer: register.NewSequencer(s, register.OneKey(func(string) (ledger.Key, error) { return key, nil })), site: site, template: register.NewTemplate(site),
		began: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}, nil
}

// rows makes the rows of so many choices.
func (m *maker) rows(n int) ([]register.Row, error) {
	rows := make([]register.Row, n)
	for i := range rows {
		at := m.began.Add(time.Duration(m.made) * time.Millisecond)
		id, err := consent.NewID(at, rand.Reader)
		if err != nil {
			return nil, err
		}
		salt, err := register.NewSalt(rand.Reader)
		if err != nil {
			return nil, err
		}
		yes := m.made%2 == 0
		choice := consent.Choose(m.site, id, at, func(string) bool { return yes })
		event := register.Event{Action: register.Refuse, Language: "fr", Code: "bench", Withdraw: "/.temoin/"}
		if yes {
			event.Action = register.Accept
		}
		rows[i], err = m.template.Row(choice, event, salt)
		if err != nil {
			return nil, err
		}
		m.made++
	}
	return rows, nil
}

// fill commits choices, and puts them into the log, until there are so many.
func (m *maker) fill(ctx context.Context, records int) error {
	for m.made < records {
		for range 8 {
			rows, err := m.rows(load)
			if err != nil {
				return err
			}
			if _, err := m.store.Commit(ctx, rows); err != nil {
				return err
			}
		}
		if err := m.sequence(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) sequence(ctx context.Context) error {
	for {
		if n, _, err := m.sequencer.Step(ctx); n == 0 || err != nil {
			return err
		}
	}
}

type figures struct{ commit, p99, log float64 } // µs a choice in the median group, ms a group, µs a choice

func (m *maker) measure(ctx context.Context) (figures, error) {
	var took []time.Duration
	var logging time.Duration
	for range samples {
		rows, err := m.rows(group)
		if err != nil {
			return figures{}, err
		}
		begin := time.Now()
		if _, err := m.store.Commit(ctx, rows); err != nil {
			return figures{}, err
		}
		took = append(took, time.Since(begin))
		if len(took)%50 != 0 {
			continue
		}
		begin = time.Now()
		if err := m.sequence(ctx); err != nil {
			return figures{}, err
		}
		logging += time.Since(begin)
	}
	slices.Sort(took)
	return figures{
		commit: took[len(took)/2].Seconds() * 1e6 / group,
		p99:    float64(took[len(took)*99/100]) / 1e6,
		log:    logging.Seconds() * 1e6 / (samples * group),
	}, nil
}
