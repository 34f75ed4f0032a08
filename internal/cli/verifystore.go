package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/temoin/temoin/internal/keyring"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/policy"
)

// A storeVerification is the result for a store.
type storeVerification struct {
	where    string
	sites    []store.Verified
	problems []string
	own      bool // nothing but the store told of its keys, nor of what was signed
}

// runStore verifies a store as it stands.
func (o *verifying) runStore(ctx context.Context, c *call, finish func(error) int) int {
	if len(c.args)+len(o.evidence)+len(o.handovers)+len(o.copies) > 0 || o.roots != "" {
		return c.fail("--store is about a store alone: verify a receipt, or evidence, by itself")
	}
	known, err := o.known()
	if err != nil {
		return c.fail("%v", err)
	}
	known.Now = c.Now()
	s, err := besideStore(ctx, *o.where)
	if err != nil {
		return c.broke("", err)
	}
	defer s.Close()
	v := storeVerification{where: *o.where, own: len(known.Keys)+len(known.Checkpoints) == 0}
	v.sites, err = s.Verify(ctx, known)
	if err != nil && !store.Finds(err) {
		return c.broke("not verified: ", err)
	}
	if err != nil {
		v.problems = strings.Split(strings.TrimSpace(err.Error()), "\n")
	}
	if o.format == "json" {
		err = v.writeJSON(c.Out)
	} else {
		_, err = io.WriteString(c.Out, v.text())
	}
	if code := finish(err); code != done {
		return code
	}
	if len(v.problems) > 0 {
		return found
	}
	return done
}

// known is what is known besides the store. What was signed last is read before the
// store is, which may be ahead of it then, and never behind.
func (o *verifying) known() (known store.Known, err error) {
	how, err := restoring(o.keys, o.checkpoints, nil)
	known = how.Known
	if err != nil || *o.folder == "" {
		return known, err
	}
	ring, err := keyring.Open(*o.folder, nil)
	if err != nil {
		return known, err
	}
	const ending = ".signed"
	files, err := filepath.Glob(filepath.Join(ring.Folder(), "*"+ending))
	if err != nil {
		return known, err
	}
	for _, file := range files {
		site := strings.TrimSuffix(filepath.Base(file), ending)
		if strings.HasPrefix(site, ".") { // half written
			continue
		}
		note, err := ring.LastSigned(site)
		if err != nil {
			return known, err
		}
		if note != nil {
			known.Checkpoints = append(known.Checkpoints, note)
		}
		keys, err := ring.Log(site)
		if err != nil {
			return known, err
		}
		for _, key := range keys {
			known.Keys = append(known.Keys, key.Verifier())
		}
	}
	return known, nil
}

const compared = `Compared: the database with itself, and its tables and triggers with those of a new store;
the tree over the entries of each log with its tiles, its head and the checkpoints; each
record with its entry, and with what it is looked up by; the counters with the log; each
version with its evidence.
`

func (v *storeVerification) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The store %s, as it was at one moment:\n", policy.Visible(withoutPassword(v.where)))
	for _, s := range v.sites {
		fmt.Fprintf(&b, "  %s\n", policy.Visible(siteLine(s)))
	}
	if len(v.sites) == 0 {
		b.WriteString("  nothing is in it\n")
	}
	b.WriteString(compared)
	if v.own {
		b.WriteString("Nothing but the store itself told of its keys and of what was signed: whoever may change all\nof it may have changed them too. --keys or --checkpoint tells more.\n")
	}
	if len(v.problems) == 0 {
		b.WriteString("All of it fits together.\n")
		return b.String()
	}
	b.WriteString("Found:\n")
	for _, p := range v.problems {
		fmt.Fprintf(&b, "  %s\n", policy.Visible(p))
	}
	return b.String()
}

// siteLine says in numbers what a store holds of a site.
func siteLine(v store.Verified) string {
	return fmt.Sprintf("%s: %d entries in the log, %d of them signed; %s kept of them, %d removed; %d wait for the log; %d versions with their evidence",
		v.Site, v.Head.Size, min(v.Signed, v.Head.Size), records(v.Records), v.Removed(), v.Waiting, v.Versions)
}

// withoutPassword is a place that can be shown.
func withoutPassword(where string) string {
	if i := strings.LastIndex(where, "@"); strings.Contains(where, "://") && i >= 0 {
		return "postgres://…" + where[i:]
	}
	return where
}

func (v *storeVerification) writeJSON(w io.Writer) error {
	type site struct {
		Site     string `json:"site"`
		Entries  int64  `json:"entries"`
		Signed   int64  `json:"signed"`
		Records  int64  `json:"records"`
		Removed  int64  `json:"removed"`
		Waiting  int64  `json:"waiting"`
		Versions int    `json:"versions"`
	}
	out := struct {
		Sound bool     `json:"sound"`
		Sites []site   `json:"sites"`
		Found []string `json:"found"`
	}{len(v.problems) == 0, []site{}, append([]string{}, v.problems...)}
	for _, s := range v.sites {
		out.Sites = append(out.Sites, site{s.Site, s.Head.Size, min(s.Signed, s.Head.Size), s.Records, s.Removed(), s.Waiting, s.Versions})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
