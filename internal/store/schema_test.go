package store

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/storetest"
)

// Whoever takes a trigger away, or makes it do nothing, can change records.
func TestAStoreWithoutATriggerDoesNotVerifyAndItsBackupIsNotRestored(t *testing.T) {
	changes := map[string]map[string]string{ // by engine: what is done, and what is said
		"sqlite": {
			"DROP TRIGGER choice_never_changes": "trigger choice_never_changes on choice is missing",
			"DROP TRIGGER bundle_stays; CREATE TRIGGER bundle_stays BEFORE DELETE ON bundle WHEN 0 BEGIN SELECT RAISE(ABORT, 'an entry'); END": "trigger bundle_stays on bundle is another",
			"CREATE TRIGGER own AFTER INSERT ON choice BEGIN DELETE FROM removal; END":                                                         "trigger own on choice is not of this program",
			"DROP INDEX place_subject": "index place_subject is missing",
			"DROP TABLE cosigned; CREATE TABLE cosigned (site TEXT PRIMARY KEY, size INTEGER, cosignatures INTEGER, checkpoint BLOB) STRICT":                "table cosigned is another",
			"CREATE TABLE reports (day TEXT); CREATE INDEX reports_day ON reports (day); CREATE VIEW days AS SELECT day FROM reports":                       "",
			"CREATE TABLE other (a INT); CREATE TRIGGER of_other AFTER INSERT ON other BEGIN DELETE FROM other; END; CREATE INDEX more ON place (site, at)": "",
		},
		"postgres": {
			"DROP TRIGGER choice_never_changes ON choice": "trigger choice_never_changes on choice is missing",
			"ALTER TABLE bundle DISABLE TRIGGER USER":     "trigger bundle_only_grows on bundle is another, or does not act",
			"CREATE OR REPLACE FUNCTION choice_never_changes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'":                                            "function choice_never_changes is another",
			"DROP TRIGGER frame_never_changes ON frame; CREATE TRIGGER frame_never_changes BEFORE UPDATE ON frame FOR EACH ROW EXECUTE FUNCTION frame_never_changes()": "trigger frame_never_changes on frame is another",
			"CREATE TRIGGER own BEFORE INSERT ON choice FOR EACH ROW EXECUTE FUNCTION choice_never_changes()":                                                          "trigger own on choice is not of this program",
			"DROP INDEX place_subject":                                    "index place_subject is missing",
			"ALTER TABLE choice ALTER COLUMN record DROP NOT NULL":        "column choice.record is another",
			"ALTER TABLE version DROP CONSTRAINT version_number_check":    "constraint version_number_check of version is missing",
			"CREATE TABLE reports (day date); CREATE INDEX ON place (at)": "",
		},
	}
	t.Parallel()
	for _, e := range engines {
		for change, want := range changes[e.name] {
			t.Run(e.name+"/"+change, func(t *testing.T) {
				t.Parallel()
				l := live(t, e.place(t))
				l.log(l.choose(noon, nil, nil))
				if _, err := l.write.Exec(change); err != nil {
					t.Fatal(err)
				}
				_, trust := keyOf(t)
				_, err := l.Verify(t.Context(), Known{Keys: trust.Keys})
				if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
					t.Errorf("%v, want %q", err, want)
				}
				if want == "" || strings.Contains(change, "TRIGGER USER") { // pg_dump keeps it too, in more words
					return
				}
				file, _ := l.backup("backup")
				if _, _, err := restore(t, l, file, Restoring{AcceptLoss: true}); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("restored: %v, want %q", err, want)
				}
			})
		}
	}
}

func TestComparingTheTablesLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	where := storetest.Database(t)
	s := open1(t, where)
	if err := s.sameSchema(t.Context()); err != nil {
		t.Fatal(err)
	}
	var schemas int
	if err := s.read.QueryRow(`SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'temoin%'`).Scan(&schemas); err != nil || schemas != 0 {
		t.Errorf("%v: %d schemas are left", err, schemas)
	}
	folder := filepath.Join(t.TempDir(), "store")
	if err := open1(t, folder).sameSchema(t.Context()); err != nil {
		t.Error(err)
	}
	if list, err := filepath.Glob(":memory:*"); err != nil || len(list) > 0 {
		t.Errorf("%v: %v", err, list)
	}
}
