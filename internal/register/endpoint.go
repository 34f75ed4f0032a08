package register

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

// An Endpoint takes choices over HTTP: a form, or JSON of the same names.
//
//	id      a UUID of version 7 that the client made; may be left out
//	action  accept, refuse, close, save or withdraw
//	allow   with save: categories and services, once for each
//	asked   the categories and services that this was about, once for each: all
//	        others keep their answer. May be left out: then it is about everything
//	notice  the SHA-256 of the notice that was shown, hex
//	lang    the language that the answer is to be in, should the notice not be known
//	back    the page that a form leads back to; else the one that it was sent from
//
// The answer to JSON is JSON, with the id of the record and what a page is told of the
// choice; the answer to a form leads back to the page, or is the same JSON for who
// accepts anything (Accept: */*), as scripts do and browsers that go to a page do not.
// A choice on a notice that nobody was shown is answered by 409 and the notice of now,
// to be asked again. Whoever mounts it checks that the request comes from the site's
// own pages.
type Endpoint struct {
	Register *Register
	Codec    *consent.Codec
	// Site returns the version of the policy that a notice belongs to, and the language
	// that the notice is in; nil for a notice that nobody was shown.
	Site func(r *http.Request, notice Hash) (*policy.Site, string)
	// Current returns the notice that is shown now in a language, or in the default
	// one where there is none in it; nil for none. It may be nil.
	Current func(r *http.Request, language string) *Notice
	// Again answers a form on a notice that is not known, with status 409 and what is
	// asked now. It may be nil, as Current may.
	Again func(w http.ResponseWriter, r *http.Request, language string)
	// Account returns the key of the account that a request belongs to, nil for
	// none. It may be nil.
	Account func(r *http.Request) []byte
	// Bind returns what binds a choice, in the cookie, to the account that is signed in; "" for
	// none. It may be nil.
	Bind func(r *http.Request, id consent.ID) (string, error)
	// Shown returns what the visitor of a request was shown to be allowed, where that is more
	// than the cookie says; else nil. It may be nil.
	Shown func(r *http.Request, site *policy.Site) *consent.Decision
	// Standing returns the choice that counted for the visitor of a request, where that is not
	// the cookie's alone; else nil. It may be nil.
	Standing func(r *http.Request, site *policy.Site) *consent.Choice
	// Back returns where a form leads back to; page is what it says itself, "" for
	// nothing. Whatever that is, it must not lead away from the site.
	Back func(r *http.Request, page string) string
	// Away reports whether no cookie of this host reaches the page that a choice was
	// made on: then the answer in JSON holds the cookie, for a script of the page to
	// write. It may be nil.
	Away func(r *http.Request) bool
}

const (
	maxBody   = 16 << 10
	smallBody = 1 << 10 // for which there is room before it comes
	bodyTime  = 10 * time.Second
	retryWait = "2" // seconds until somebody who was turned away may try again
)

// ServeHTTP keeps a choice.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodPost {
		h.Set("Allow", "POST")
		http.Error(w, "A choice is made by POST.", http.StatusMethodNotAllowed)
		return
	}
	in, form, err := read(w, r)
	if err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, errTooLong) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "The choice cannot be read: "+err.Error(), status)
		return
	}
	form = form && r.Header.Get("Accept") != "*/*" // else a script sends it, by fetch
	site, wish, err := e.wish(r, in)
	if err != nil {
		http.Error(w, "The choice cannot be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	if site == nil {
		e.askAgain(w, r, in.Lang, form)
		return
	}
	kept, err := e.Register.Keep(r.Context(), site, wish)
	if err != nil {
		refuse(w, err)
		return
	}
	e.answer(w, r, site, kept, in.Back, form)
}

// answer sets the consent cookie, or tells it to a page that it would not reach, and
// leads a form back.
func (e *Endpoint) answer(w http.ResponseWriter, r *http.Request, site *policy.Site, kept *Kept, back string, form bool) {
	h := w.Header()
	away := !form && e.Away != nil && e.Away(r)
	value, err := e.value(r, kept.Choice, away)
	if err != nil {
		http.Error(w, "The choice is kept, and its cookie cannot be written: "+err.Error(), http.StatusInternalServerError)
		return
	}
	cookie := consent.Cookie(site, value, kept.Choice.Ends(site), e.Register.now())
	if !away {
		h["Set-Cookie"] = append(h["Set-Cookie"], cookie)
		cookie = ""
	}
	if form {
		http.Redirect(w, r, e.Back(r, back), http.StatusSeeOther)
		return
	}
	d := consent.Decide(site, kept.Choice, consent.Signals{GPC: kept.Record.Signals.GPC}, e.Register.now())
	tell(w, kept, d.Answers(), consent.Mark(value), cookie)
}

// value is what the consent cookie says of a choice. That of somebody signed in counts for
// them alone; where no cookie of this host reaches the page nobody is.
func (e *Endpoint) value(r *http.Request, choice *consent.Choice, away bool) (string, error) {
	if away || e.Bind == nil {
		return e.Codec.Encode(choice)
	}
	bound, err := e.Bind(r, choice.ID)
	if err != nil {
		return "", err
	}
	of := *choice
	of.Bound = bound
	return e.Codec.Encode(&of)
}

// An input is a choice as it is sent.
type input struct {
	ID     string   `json:"id"`
	Action string   `json:"action"`
	Allow  []string `json:"allow"`
	Asked  []string `json:"asked"`
	Notice string   `json:"notice"`
	Lang   string   `json:"lang"`
	Back   string   `json:"-"`
}

// errTooLong says that more was sent than a choice can be.
var errTooLong = errors.New("it is too long")

// read reads a form or JSON.
func read(w http.ResponseWriter, r *http.Request) (in input, form bool, err error) {
	body, err := readBody(w, r)
	if err != nil {
		return in, false, err
	}
	kind := r.Header.Get("Content-Type")
	if kind != "application/json" {
		kind, _, _ = mime.ParseMediaType(kind)
	}
	switch kind {
	case "application/json":
		err = json.Unmarshal(body, &in)
		if err != nil {
			err = errors.New("this is no JSON of a choice")
		} else if name := twice(body); name != "" {
			err = errors.New("it has the field " + name + " twice")
		}
		return in, false, err
	case "application/x-www-form-urlencoded":
		v, err := url.ParseQuery(string(body))
		if err != nil {
			return in, true, errors.New("this is no form")
		}
		in = input{v.Get("id"), v.Get("action"), v["allow"], v["asked"], v.Get("notice"), v.Get("lang"), v.Get("back")}
		if in.Action != string(Save) {
			in.Allow = nil // switches that another button than the one to save was pressed beside
		}
		return in, true, nil
	}
	return in, false, errors.New("send a form or JSON")
}

// readBody reads what comes in time. For what has not come there is no room taken,
// whatever length it is said to have.
func readBody(w http.ResponseWriter, r *http.Request) (body []byte, err error) {
	n := r.ContentLength
	if n > maxBody {
		return nil, errTooLong
	}
	within := http.NewResponseController(w)
	limited := within.SetReadDeadline(time.Now().Add(bodyTime)) == nil // else the server's own limit holds
	if n >= 0 && n <= smallBody {
		body = make([]byte, n)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	}
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, errTooLong
	case err != nil || n >= 0 && int64(len(body)) < n:
		return nil, errors.New("it was cut, or came too slowly")
	}
	if limited { // the connection is watched while the choice is kept
		within.SetReadDeadline(time.Time{}) //nolint:errcheck // it could be set
	}
	return body, nil
}

// inputNames are the fields of an input in JSON.
var inputNames = [...]string{"id", "action", "allow", "asked", "notice", "lang"}

// twice returns a field that stands twice in the JSON of an input: some readers see
// the first, others the last. The JSON is valid. Names are as encoding/json takes
// them: in any case.
func twice(body []byte) string {
	var seen [len(inputNames)]bool
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := stringEnd(body, i)
			if f := inputName(body, i, end); depth == 1 && f >= 0 {
				if seen[f] {
					return inputNames[f]
				}
				seen[f] = true
			}
			i = end - 1
		}
	}
	return ""
}

// stringEnd returns the end of the string that begins at i.
func stringEnd(body []byte, i int) int {
	for i++; body[i] != '"'; i++ {
		if body[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// inputName returns which field a string is the name of, -1 for none.
func inputName(body []byte, i, end int) int {
	if !bytes.HasPrefix(bytes.TrimLeft(body[end:], " \t\r\n"), []byte(":")) {
		return -1
	}
	name := body[i+1 : end-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		var plain string
		if json.Unmarshal(body[i:end], &plain) != nil {
			return -1
		}
		name = []byte(plain)
	}
	return slices.IndexFunc(inputNames[:], func(field string) bool { return bytes.EqualFold(name, []byte(field)) })
}

// maxAllowed bounds how much one choice names.
const maxAllowed = 200

// wish turns an input into a wish about a version of the site.
func (e *Endpoint) wish(r *http.Request, in input) (*policy.Site, Wish, error) {
	w := Wish{Allow: in.Allow, Asked: in.Asked, Event: Event{Action: Action(in.Action), GPC: r.Header.Get("Sec-GPC") == "1"}}
	if in.ID != "" {
		id, err := consent.ParseID(in.ID)
		if err != nil {
			return nil, w, err
		}
		w.ID = id
	}
	notice, err := hex.DecodeString(in.Notice)
	if err != nil || len(notice) != len(w.Event.Notice) {
		return nil, w, errors.New("notice is no SHA-256 in hex")
	}
	copy(w.Event.Notice[:], notice)
	if len(in.Allow) > maxAllowed || len(in.Asked) > maxAllowed {
		return nil, w, errors.New("allow or asked names too much")
	}
	site, language := e.Site(r, w.Event.Notice)
	if site == nil {
		return nil, w, nil
	}
	w.Event.Language = language
	w.Event.Withdraw = withdrawAt(site)
	if e.Account != nil && site.Choice.Scope == policy.ScopeAccount { // else the notice did not say so
		w.Account = e.Account(r)
	}
	if e.Shown != nil {
		w.Shown = e.Shown(r, site)
	}
	if before := e.before(r, site); before != nil && before.ID != w.ID {
		w.Event.Replaces = &before.ID
		if before.InForce(site, e.Register.now()) {
			w.Before = before
		}
	}
	return site, w, nil
}

// before is the choice that another one takes the place of, nil for none. One that is
// bound to an account counts for nobody unless it stands.
func (e *Endpoint) before(r *http.Request, site *policy.Site) *consent.Choice {
	if e.Standing != nil {
		if c := e.Standing(r, site); c != nil {
			return c
		}
	}
	if c, err := r.Cookie(site.Choice.Cookie); err == nil {
		if choice := e.Codec.Decode(c.Value); choice != nil && choice.Bound == "" {
			return choice
		}
	}
	return nil
}

// withdrawAt is where a choice can be changed by everybody.
func withdrawAt(site *policy.Site) string {
	for _, p := range site.Reopenings() {
		if !p.Signed && p.Path != "" {
			return p.Path
		}
	}
	return "/.temoin/"
}

// askAgain answers a choice on a notice that is not known, with the one of now.
func (e *Endpoint) askAgain(w http.ResponseWriter, r *http.Request, language string, form bool) {
	const text = "This notice is not known here: the policy may have changed. Nothing was kept. Please choose again."
	if form && e.Again != nil {
		e.Again(w, r, language)
		return
	}
	var now *Notice
	if e.Current != nil && !form {
		now = e.Current(r, language)
	}
	if now == nil {
		http.Error(w, text, http.StatusConflict)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusConflict)
	json.NewEncoder(w).Encode(map[string]string{ //nolint:errcheck // a client that is gone cannot be told
		"error": text, "notice": HashOf(now.Bytes).String(), "lang": now.Language, "variant": now.Variant, "shown": string(now.Bytes),
	})
}

// refuse answers an error of Keep. Nothing is granted by any of them.
func refuse(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, ErrWish), errors.Is(err, ErrClock):
		http.Error(w, "The choice cannot be kept: "+err.Error()+".", http.StatusBadRequest)
	case errors.Is(err, ErrOther):
		http.Error(w, "Another choice is kept under this id.", http.StatusConflict)
	case errors.Is(err, ErrErased):
		http.Error(w, "The choice of this id was erased. Please choose again.", http.StatusConflict)
	default:
		w.Header().Set("Retry-After", retryWait)
		http.Error(w, "The choice cannot be kept now. Nothing was allowed. Please try again.", http.StatusServiceUnavailable)
	}
}

// tell answers in JSON what was kept, and what the scripts of a page take: the answers
// that hold, and by what of the cookie it is known that they do; and the cookie, where the
// page is to write it.
func tell(w http.ResponseWriter, kept *Kept, answers, mark, cookie string) {
	w.Header()["Content-Type"] = []string{"application/json"}
	b := writer{b: make([]byte, 0, 256)}
	b.begin()
	b.str("choice", answers)
	b.str("i", mark)
	b.str("c", "1")
	b.str("id", kept.Record.ID)
	b.str("state", string(kept.Record.State))
	b.str("ends", kept.Record.Ends)
	if cookie != "" {
		b.str("cookie", cookie)
	}
	b.end()
	w.Write(append(b.b, '\n')) //nolint:errcheck // a client that is gone cannot be told
}
