package register

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
)

// packed returns a record's row, as it is committed.
func packed(t testing.TB, template *Template, r *Record, e Event) Row {
	t.Helper()
	f, values, err := template.pack(r, e)
	if err != nil {
		t.Fatal(err)
	}
	id, err := consent.ParseID(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	return Row{Site: r.Site, ID: id, Frame: f, Record: values}
}

func TestAFrameAndItsValuesAreTheRecordAgainWhateverWasChosen(t *testing.T) {
	s := site(t)
	template := NewTemplate(s)
	rnd := rand.New(rand.NewPCG(1, 2))
	names := []string{"stats", "ads", "later", "one", "two", "ad"}
	for range 2000 {
		var yes []string
		for _, n := range names {
			if rnd.IntN(2) == 1 {
				yes = append(yes, n)
			}
		}
		choice := choose(t, s, strings.Join(yes, " "))
		choice.At = noon.Add(time.Duration(rnd.IntN(1e9)) * time.Second)
		e := Event{Action: Actions()[rnd.IntN(5)], Language: []string{"fr", "en"}[rnd.IntN(2)], GPC: rnd.IntN(2) == 1, Account: rnd.IntN(2) == 1, Code: "test", Withdraw: "/.temoin/"}
		e.Notice[0] = byte(rnd.IntN(3))
		if rnd.IntN(2) == 1 {
			before := choose(t, s, "").ID
			e.Replaces = &before
		}
		r := template.Record(choice, e)
		want, err := r.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		row := packed(t, template, r, e)
		if row.Frame == nil {
			t.Fatal("it was kept whole")
		}
		if got, err := row.Unpack(); err != nil || got.Frame != nil || !bytes.Equal(got.Record, want) {
			t.Fatalf("%v\n%s\nis not\n%s", err, got.Record, want)
		}
		if len(row.Record) > 100 {
			t.Errorf("%d bytes of values", len(row.Record))
		}
	}
	if n := len(template.frames); n > 2*3*2*2*4 {
		t.Errorf("%d frames: it grows with the choices", n)
	}
}

// Imported choices answer some categories and leave the others open.
func TestChoicesThatAnswerOtherCategoriesAreKeptAsTheyAre(t *testing.T) {
	s := site(t)
	template := NewTemplate(s)
	all := choose(t, s, "stats")
	for i := range all.Answers {
		for j := i + 1; j <= len(all.Answers); j++ {
			choice := *all
			choice.Answers = all.Answers[i:j]
			e := Event{Action: Imported, Imported: "klaro"}
			r := template.Record(&choice, e)
			want, err := r.Canonical()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := packed(t, template, r, e).Unpack(); err != nil || !bytes.Equal(got.Record, want) {
				t.Errorf("%v\n%s\nis not\n%s", err, got.Record, want)
			}
		}
	}
}

func TestARecordThatFitsNoFrameIsKeptWhole(t *testing.T) {
	s := site(t)
	template := NewTemplate(s)
	for name, change := range map[string]func(*Record){
		"another time": func(r *Record) { r.Time = "yesterday" },
		"a long name":  func(r *Record) { r.Exceptions = []Exception{{true, strings.Repeat("x", maxRecord/3)}} },
		"no id":        func(r *Record) { r.Replaces = "the one before" },
	} {
		r := template.Record(choose(t, s, "stats"), Event{Action: Save})
		change(r)
		f, b, err := template.pack(r, Event{Action: Save})
		if want, _ := r.Canonical(); err != nil || f != nil || !bytes.Equal(b, want) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
	for i := range maxFrames + 10 {
		e := Event{Action: Save, Imported: strings.Repeat("x", i)}
		template.pack(template.Record(choose(t, s, ""), e), e) //nolint:errcheck // its frame counts
	}
	if len(template.frames) != maxFrames {
		t.Errorf("%d frames are remembered", len(template.frames))
	}
}

func TestValuesThatAreNotThoseOfTheFrameAreRefused(t *testing.T) {
	s := site(t)
	template := NewTemplate(s)
	e := Event{Action: Save, Replaces: &consent.ID{6: 0x70, 8: 0x80}}
	row := packed(t, template, template.Record(choose(t, s, "stats one"), e), e)
	for n := range row.Record {
		short := row
		short.Record = row.Record[:n]
		if _, err := short.Unpack(); err == nil {
			t.Errorf("%d of %d bytes fill it", n, len(row.Record))
		}
	}
	row.Record = append(row.Record, 0)
	if _, err := row.Unpack(); err == nil {
		t.Error("more than it has holes")
	}
}

func FuzzExpand(f *testing.F) {
	s := site(f)
	template := NewTemplate(s)
	r := template.Record(choose(f, s, "stats one"), Event{Action: Save})
	frame, values, err := template.pack(r, Event{Action: Save})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame.Bytes, values)
	f.Fuzz(func(t *testing.T, frame, values []byte) {
		b, err := NewFrame(frame).Expand(consent.ID{}, values)
		if err == nil && len(b) > maxRecord+len(frame) {
			t.Errorf("%d bytes", len(b))
		}
	})
}

func BenchmarkPackingAChoice(b *testing.B) {
	s := site(b)
	template := NewTemplate(s)
	choice := choose(b, s, "stats one")
	b.ReportAllocs()
	for b.Loop() {
		e := Event{Action: Save, Language: "fr"}
		if _, _, err := template.pack(template.Record(choice, e), e); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAnImportedGrantIsRecordedForTheVersionThatItWasGivenFor(t *testing.T) {
	s := site(t)
	template := NewTemplate(s)
	now := choose(t, s, "stats")
	earlier := choose(t, s, "stats")
	earlier.Answers[0].Scope ^= 0xffffff
	e := Event{Action: Imported, Imported: "klaro"}
	for _, choice := range []*consent.Choice{now, earlier} {
		row, err := packed(t, template, template.Record(choice, e), e).Unpack()
		if err != nil {
			t.Fatal(err)
		}
		record, err := ParseRecord(row.Record)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := record.Choice(); err != nil || back.Answers[0] != choice.Answers[0] {
			t.Errorf("%v: %+v, want %+v", err, back.Answers[0], choice.Answers[0])
		}
	}
}
