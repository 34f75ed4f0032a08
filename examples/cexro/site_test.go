package cexro

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestTheFactsOfAFileComeFromItsContent(t *testing.T) {
	t.Parallel()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	f := factsOf("letter.pdf", picture.Bytes())
	if f.Name != "letter.pdf" || f.Type != "image/png" || f.Width != 3 || f.Height != 2 || f.Size != int64(picture.Len()) {
		t.Errorf("a picture called a document: %+v", f)
	}
	f = factsOf("empty", nil)
	if want := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; f.SHA256 != want || f.Width != 0 {
		t.Errorf("nothing: %+v", f)
	}
}

func TestFactsAreExportedInEachFormat(t *testing.T) {
	t.Parallel()
	f := facts{Name: `=1+1,"x"`, Size: 2048, Type: "image/png", Width: 3, Height: 2, SHA256: "ab"}
	content, kind, err := f.export("csv")
	if err != nil || kind != "text/csv; charset=utf-8" {
		t.Fatalf("%s %v", kind, err)
	}
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	// A spreadsheet would compute a cell that begins with "=".
	if want := [][]string{{"name", `'=1+1,"x"`}, {"size", "2048"}, {"type", "image/png"}, {"width", "3"}, {"height", "2"}, {"sha256", "ab"}}; err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("csv: %q, %v", rows, err)
	}
	content, _, err = f.export("json")
	var back facts
	if json.Unmarshal(content, &back) != nil || back != f || err != nil {
		t.Errorf("json: %s, %v", content, err)
	}
	if content, _, _ := (facts{Name: "a", Type: "b", SHA256: "c"}).export("txt"); string(content) != "name: a\nsize: 0\ntype: b\nsha256: c\n" {
		t.Errorf("txt: %s", content)
	}
	if _, _, err := f.export("docx"); err == nil {
		t.Error("a format that is none is exported")
	}
}

func TestTheSizeOfAFileIsToldInAFittingUnit(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]string{1: "1 bytes", 1023: "1023 bytes", 1024: "1,0 kilo", 1536: "1,5 kilo", 1 << 20: "1,0 mega", largest: "4,0 mega"} {
		if f := (facts{Size: size}); f.Weight()+" "+f.Unit() != want {
			t.Errorf("%d is told as %s %s, not %s", size, f.Weight(), f.Unit(), want)
		}
	}
}

func TestStepsAreKeptAsTheirNumbers(t *testing.T) {
	t.Parallel()
	if got := written([]int{3, 1}); got != "1.3" {
		t.Errorf("kept is %s", got)
	}
	l := lesson{Steps: []int{1, 2, 3, 4}, Seen: []int{1, 2}}
	for asked, want := range map[string]int{"": 3, "1": 1, "4": 4, "5": 3, "0": 3, "x": 3} {
		if got := l.wanted(asked); got != want {
			t.Errorf("asked for %q: step %d, not %d", asked, got, want)
		}
	}
	l.Seen = l.Steps
	if l.wanted("") != 0 {
		t.Error("a step comes back that was seen")
	}
	r := httptest.NewRequest(http.MethodGet, "/aide", nil)
	r.AddCookie(&http.Cookie{Name: tutorialCookie, Value: "1.2"})
	if got := seen(r); got != nil {
		t.Errorf("without a yes %v are read", got)
	}
}

func TestATokenIsGoodForItsOwnerUntilItIsOver(t *testing.T) {
	t.Parallel()
	var all tokens
	one, other := all.give(&users[0]), all.give(&users[1])
	if all.owner(one) != &users[0] || all.owner(other) != &users[1] || all.owner("") != nil || all.owner("guess") != nil {
		t.Error("tokens are mixed up")
	}
	all.forget(one)
	if all.owner(one) != nil {
		t.Error("a token outlives signing out")
	}
	all.all[other] = token{&users[1], time.Now().Add(-time.Second)}
	if all.owner(other) != nil {
		t.Error("a token outlives its time")
	}
	all.give(&users[0])
	if len(all.all) != 1 {
		t.Errorf("%d tokens are kept", len(all.all))
	}
}

func TestEachAccountCanBeSignedInto(t *testing.T) {
	t.Parallel()
	logins := Logins()
	for _, u := range users {
		if !slices.Contains(logins, [2]string{u.Email, u.Password}) {
			t.Errorf("nobody is told how to sign in as %s", u.Name)
		}
	}
}
