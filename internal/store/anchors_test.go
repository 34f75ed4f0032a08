package store

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEvidenceOfAnchorsIsNeverChangedOrRemoved(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		at := time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
		kept := func(place string, day int, size int64) Anchored {
			a := Anchored{Site: "shop", Place: place, Kind: "directory", At: at.AddDate(0, 0, day), Size: size, Subject: []byte(strings.Repeat("s", 40+day)), Evidence: []byte("e")}
			for range 2 { // after an answer that was lost
				if err := s.KeepAnchor(t.Context(), a); err != nil {
					t.Fatal(err)
				}
			}
			return a
		}
		kept("here", 0, 5)
		second, version := kept("here", 1, 9), kept("here", 2, 0)
		kept("there", 3, 11)
		changes := []string{`UPDATE anchor SET size = 1`, `UPDATE anchor SET at = 0`, `DELETE FROM anchor`}
		if isPostgres(s) {
			changes = append(changes, `TRUNCATE anchor`)
		} else {
			changes = append(changes, `INSERT OR REPLACE INTO anchor SELECT site, place, at, hash, kind, 1, subject, evidence FROM anchor`)
		}
		for _, change := range changes {
			if _, err := s.write.Exec(change); err == nil || !strings.Contains(err.Error(), "evidence is never") {
				t.Errorf("%s: %v", change, err)
			}
		}
		last, ok, err := s.LastAnchor(t.Context(), "shop", "here")
		if err != nil || !ok || last.Size != second.Size || !last.At.Equal(second.At) || string(last.Subject) != string(second.Subject) {
			t.Errorf("%v: the last one is %+v", err, last)
		}
		if _, ok, err := s.LastAnchor(t.Context(), "other", "here"); ok || err != nil {
			t.Errorf("another site has one: %v", err)
		}
		for place, want := range map[string]bool{"here": true, "there": false} {
			if is, err := s.IsAnchored(t.Context(), "shop", place, version.Subject); err != nil || is != want {
				t.Errorf("%s: %v, %v", place, is, err)
			}
		}
		if all, err := s.Anchors(t.Context(), "shop", at.AddDate(0, 0, 1), 2); err != nil || len(all) != 2 || all[0].Size != 9 || all[1].Size != 0 {
			t.Errorf("%v: %+v", err, all)
		}
	})
}

func TestEvidenceIsReadPageByPageAndByTheLogThatItCovers(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		at := time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
		var want []string
		for i := range 9 { // three at a time, of which two share their subject
			a := Anchored{Site: "shop", Place: []string{"é", "a", "b"}[i%3], Kind: "directory", At: at.AddDate(0, 0, i/3), Size: int64(i / 3 * 10),
				Subject: []byte(strings.Repeat("s", 40+i/2)), Evidence: []byte{byte(i)}}
			for _, site := range []string{"shop", "other"} {
				a.Site = site
				if err := s.KeepAnchor(t.Context(), a); err != nil {
					t.Fatal(err)
				}
			}
			want = append(want, string(a.Evidence))
		}
		var got []string
		var mark AnchorMark
		last := at.AddDate(1, 0, 0)
		for range 6 {
			page, err := s.AnchorsBefore(t.Context(), "shop", mark, 2)
			if err != nil || len(page) > 2 {
				t.Fatalf("%v, %d", err, len(page))
			}
			for _, a := range page {
				if a.At.After(last) || a.Site != "shop" {
					t.Errorf("%s at %v comes after one at %v", a.Site, a.At, last)
				}
				last, mark = a.At, a.Mark()
				got = append(got, string(a.Evidence))
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("by pages: %q", got)
		}
		for size, n := range map[int64]int{0: 6, 1: 6, 10: 6, 11: 3, 21: 0} { // of size 0 are versions
			covering, err := s.AnchorsCovering(t.Context(), "shop", size, 99)
			if err != nil || len(covering) != n || n > 0 && covering[0].Size < size {
				t.Errorf("%v: of %d entries %+v", err, size, covering)
			}
		}
	})
}

func TestTheBacklogCountsWhatIsInNoLog(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		v := serve(t, where)
		backlog := func(limit int) int {
			n, err := v.Backlog(t.Context(), limit)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		v.add(t, 0, 3)
		for n := range 5 {
			commit(t, v.Store, choice1(t, v.site, 3+n))
		}
		if backlog(99) != 5 || backlog(4) != 4 {
			t.Errorf("%d wait, of four %d", backlog(99), backlog(4))
		}
		if _, _, err := v.steps.Step(t.Context()); err != nil || backlog(99) != 0 {
			t.Errorf("%v: %d wait", err, backlog(99))
		}
	})
}
