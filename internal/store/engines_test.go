package store

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// An engineUnderTest gives places for new stores.
type engineUnderTest struct {
	name  string
	place func(t testing.TB) string
}

var engines = []engineUnderTest{
	{"sqlite", func(t testing.TB) string { return filepath.Join(t.TempDir(), "store") }},
	{"postgres", storetest.Database},
}

// onEach runs a test on both engines, in a new store.
func onEach(t *testing.T, test func(t *testing.T, where string)) {
	t.Parallel()
	onEachOf(t, "", test)
}

// onEachOf does so for one case of several.
func onEachOf(t *testing.T, name string, test func(t *testing.T, where string)) {
	for _, e := range engines {
		t.Run(strings.TrimPrefix(name+"/"+e.name, "/"), func(t *testing.T) {
			t.Parallel()
			test(t, e.place(t))
		})
	}
}

func isPostgres(s *Store) bool {
	_, ok := s.engine.(*postgres)
	return ok
}
