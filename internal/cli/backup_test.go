package cli

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/register"
)

// What a restore holds against records that are gone depends on the day.
func TestARestoreAsksWhyRecordsAreGoneByTheClock(t *testing.T) {
	k := newKeysServer(t)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	version, err := register.Publish(t.Context(), k.store, k.site, []byte(keysShop), nil, "v1", "", "", now)
	if err == nil {
		err = k.store.Activate(t.Context(), "shop", register.Hash{}, register.Activation{Evidence: version, At: now, By: "test"})
	}
	if err != nil {
		t.Fatal(err)
	}
	erased, gone := k.choose(now, ""), k.choose(now, "")
	k.choose(now, "")
	restore := func(at1 time.Time) (code int, out, errs string) {
		t.Helper()
		dir := t.TempDir()
		if code, _, errs := at(now, "", "backup", "--store", k.where, "--output", filepath.Join(dir, "backup")); code != done {
			t.Fatal(errs)
		}
		return at(at1, "", "restore", filepath.Join(dir, "backup"), "--store", filepath.Join(dir, "to"))
	}
	if code, _, errs := at(now, "", "erase", "--store", k.where, "--site", "shop", "--record", erased.ID.String(), "--form", "destroy"); code != done {
		t.Fatal(errs)
	}
	later := now.AddDate(0, 2, 0)
	if code, out, errs := restore(later); code != done || !strings.Contains(out, "2 records kept of them, 1 removed in their time") {
		t.Errorf("after an erasure: %d, %s%s", code, out, errs)
	}
	for _, statement := range []string{`INSERT INTO removal (site, id) VALUES ('shop', $1)`, `DELETE FROM choice WHERE id = $1`, `DELETE FROM place WHERE record = $1`, `DELETE FROM removal WHERE id = $1`} {
		tamper(t, k.where, statement, gone.ID[:])
	}
	if code, out, errs := restore(later); code == done || out != "" || !strings.Contains(errs, "2 choices since 2026-11-21 have no record any more before their term has ended") {
		t.Errorf("after a removal by the way: %d, %s%s", code, out, errs)
	}
	if code, _, errs := restore(now.AddDate(7, 0, 0)); code != done {
		t.Errorf("when a purge may have been: %d, %s", code, errs)
	}
}
