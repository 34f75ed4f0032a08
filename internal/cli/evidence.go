package cli

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/internal/anchor"
	"github.com/temoin/temoin/internal/ledger"
)

// What is read at most of evidence: bytes, and pieces.
const (
	mostEvidence = 16 << 20
	mostPieces   = 1000
	mostRoots    = 1 << 20
)

// outside is what a user has from outside, and believes.
type outside struct {
	pieces []*piece
	roots  *x509.CertPool // nil for none
	copies []string       // folders
}

// A piece is one piece of evidence, and what became of it.
type piece struct {
	anchor.Fixed
	head   ledger.Head   // of its checkpoint
	proven anchor.Proven // where it holds
	wrong  error         // why it does not hold
	lacks  string        // what it takes to verify it, or to hold it against the receipt
	covers bool          // what it proves, it proves of the receipt
}

// holds reports whether the piece itself is verified.
func (p *piece) holds() bool { return p.wrong == nil && p.proven.Kind != "" }

// read reads what the flags name.
func (o *outside) read(files []string, roots string, copies []string) error {
	o.copies = copies
	for _, file := range files {
		src, err := readWhole(file, "evidence", mostEvidence)
		if err != nil {
			return err
		}
		for i, line := range bytes.Split(src, []byte("\n")) {
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			f, err := anchor.ParseFixed(line)
			if err != nil {
				return fmt.Errorf("%s:%d: %w: get it from the site again, below /.temoin/log/anchors", file, i+1, err)
			}
			o.pieces = append(o.pieces, &piece{Fixed: f})
		}
	}
	switch {
	case len(files) > 0 && len(o.pieces) == 0:
		return fmt.Errorf("there is no evidence in %s: nothing was fixed outside when it was written", files[0])
	case len(o.pieces) > mostPieces:
		return fmt.Errorf("there are more than %d pieces of evidence: give those that matter", mostPieces)
	case len(files) == 0 && (roots != "" || len(copies) > 0):
		return errors.New("--roots and --copy are for evidence: give that too (--evidence)")
	}
	if roots == "" {
		return nil
	}
	src, err := readWhole(roots, "certificates", mostRoots)
	if err == nil {
		if o.roots, err = anchor.ReadRoots(src); err != nil {
			err = fmt.Errorf("%s: %w", roots, err)
		}
	}
	return err
}

// verify verifies each piece, and holds it against a receipt's state of the log
// where there is one.
func (o *outside) verify(ctx context.Context, keys trustedKeys, receipt *ledger.Checkpoint) {
	for _, p := range o.pieces {
		if p.Checkpoint != nil {
			var c ledger.Checkpoint
			c, p.wrong = keys.forLog(originOf(p.Checkpoint)).Open(p.Checkpoint)
			p.head = c.Head
		}
	}
	for _, p := range o.pieces {
		if p.wrong != nil {
			continue
		}
		trust := keys.forLog(originOf(p.Checkpoint))
		if p.lacks = o.missing(p, trust); p.lacks != "" {
			continue
		}
		if o.prove(ctx, p, trust); p.holds() && p.Checkpoint != nil && receipt != nil {
			o.cover(p, *receipt, originOf(p.Checkpoint))
		}
	}
}

// originOf returns the log that a checkpoint says it is of.
func originOf(checkpoint []byte) string {
	origin, _, _ := strings.Cut(string(checkpoint), "\n")
	return origin
}

// missing says what a kind of evidence cannot be verified without.
func (o *outside) missing(p *piece, trust ledger.Trust) string {
	switch p.Evidence.Kind {
	case anchor.Timestamp:
		if o.roots == nil {
			return "the root certificate of an authority that you trust, in PEM (--roots)"
		}
	case anchor.Witnessed:
		if !slices.ContainsFunc(trust.Witnesses, func(w ledger.Witness) bool { return w.Name() == p.Evidence.Place }) {
			return fmt.Sprintf("the key of the witness %s, if you trust it (--key)", p.Evidence.Place)
		}
	default:
		if len(o.copies) == 0 {
			return "a copy of what is published, best one that somebody else keeps (--copy)"
		}
	}
	return ""
}

// prove verifies a piece by itself; what is published, in the first copy that has it.
func (o *outside) prove(ctx context.Context, p *piece, trust ledger.Trust) {
	terms := anchor.Terms{Log: trust, Roots: o.roots}
	if p.Evidence.Kind == anchor.Timestamp || p.Evidence.Kind == anchor.Witnessed {
		p.proven, p.wrong = p.Verify(ctx, terms)
		var stranger x509.UnknownAuthorityError
		if errors.As(p.wrong, &stranger) {
			p.wrong, p.lacks = nil, "the root certificate of that authority: it is none of those given (--roots)"
		}
		return
	}
	for _, folder := range o.copies {
		if terms.Copy, p.wrong = copyIn(folder, p.Evidence); p.wrong != nil {
			return
		}
		var latest ledger.Head
		if latest, p.wrong = latestIn(ctx, terms.Copy, trust); p.wrong == nil {
			terms.Proof = o.proof(p.head.Size, latest.Size)
			p.proven, p.wrong = p.Verify(ctx, terms)
		}
		switch {
		case errors.Is(p.wrong, ledger.ErrProof) && terms.Proof == nil && latest.Size > p.head.Size:
			p.wrong, p.lacks = nil, needsProof(p.head.Size, latest.Size)
			return
		case errors.Is(p.wrong, anchor.ErrNotThere):
			p.wrong, p.lacks = nil, fmt.Sprintf("a copy that has it: %s has no such checkpoint", folder)
		default:
			p.lacks = ""
			return
		}
	}
}

// copyIn opens a copy: a clone, where the evidence is of a git remote and the folder
// is one, or else a folder of files.
func copyIn(folder string, e anchor.Evidence) (anchor.Copy, error) {
	at := strings.LastIndexByte(e.Place, '#')
	if e.Kind != anchor.Pushed || at < 0 || !isClone(folder) {
		return anchor.Files{FS: os.DirFS(folder)}, nil
	}
	_, file, _ := strings.Cut(string(e.Bytes), " ")
	in := path.Dir(file)
	if in == "." {
		in = ""
	}
	return anchor.NewClone(folder, e.Place[at+1:], in)
}

func isClone(folder string) bool {
	for _, name := range []string{".git", "HEAD"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			return true
		}
	}
	return false
}

// latestIn returns the newest head of a copy.
func latestIn(ctx context.Context, c anchor.Copy, trust ledger.Trust) (ledger.Head, error) {
	b, err := c.Read(ctx, anchor.LatestName)
	if errors.Is(err, fs.ErrNotExist) {
		return ledger.Head{}, anchor.ErrNotThere
	}
	if err != nil {
		return ledger.Head{}, err
	}
	opened, err := trust.Open(b)
	if err != nil {
		return ledger.Head{}, fmt.Errorf("the newest checkpoint in the copy: %w", err)
	}
	return opened.Head, nil
}

// proof returns the proof between two sizes of the log that came with any piece;
// nil for none.
func (o *outside) proof(from, to int64) []ledger.Hash {
	for _, p := range o.pieces {
		if p.From == from && p.head.Size == to {
			return p.Proof
		}
	}
	return nil
}

func needsProof(from, to int64) string {
	return fmt.Sprintf("the proof that the log of %d entries begins with the one of %d, which cannot be made offline: get /.temoin/log/anchors?size=%d from the site, and give it too (--evidence)", to, from, from)
}

// cover holds a piece that is verified against the state of the log that a receipt
// has: the two must be of one log.
func (o *outside) cover(p *piece, receipt ledger.Checkpoint, origin string) {
	switch {
	case origin != receipt.Origin:
		p.lacks = fmt.Sprintf("a receipt of the same log: this is evidence of %s", origin)
	case p.head.Size == receipt.Size && p.head != receipt.Head:
		p.wrong = fmt.Errorf("%w (two logs of %d entries, both signed)", anchor.ErrFork, receipt.Size)
	case p.head == receipt.Head:
		p.covers = true
	case p.head.Size < receipt.Size:
		p.lacks = fmt.Sprintf("evidence of a log of %d entries or more, as the receipt's: this one is of %d", receipt.Size, p.head.Size)
	default:
		proof := o.proof(receipt.Size, p.head.Size)
		if proof == nil {
			p.lacks = needsProof(receipt.Size, p.head.Size)
			return
		}
		if err := ledger.VerifyConsistency(receipt.Head, p.head, proof); err != nil {
			p.wrong = fmt.Errorf("the proof that came with it: %w", err)
			return
		}
		p.covers = true
	}
}

// outcome sums up: whether anything is wrong, and, where nothing of it could be
// verified or held against the receipt, what that takes.
func (o *outside) outcome(receipt bool) (wrong bool, takes string) {
	takes = "evidence of a checkpoint"
	var holds, near bool
	for _, p := range o.pieces {
		wrong = wrong || p.wrong != nil
		holds = holds || p.holds() && (p.covers || !receipt)
		if p.lacks != "" && !near {
			takes, near = p.lacks, p.holds()
		}
	}
	if holds {
		takes = ""
	}
	return wrong, takes
}

// what says what a piece is of.
func (p *piece) what() string {
	if p.Checkpoint == nil {
		return fmt.Sprintf("the version whose evidence has the SHA-256 %x", p.Version)
	}
	return fmt.Sprintf("the log of size %d", p.head.Size)
}

// words says what a piece proves, and against whom.
func (p *piece) words() string {
	switch {
	case p.wrong != nil:
		return fmt.Sprintf("WRONG: %s of %s: %v", p.Evidence.Kind, p.Evidence.Place, p.wrong)
	case !p.holds():
		return fmt.Sprintf("Not verified: %s of %s. It takes %s", p.Evidence.Kind, p.Evidence.Place, p.lacks)
	}
	var s string
	switch p.proven.Kind {
	case anchor.Timestamp:
		s = fmt.Sprintf("Verified: %s was there by %s, by the clock of %s: whoever says that it was made later, the operator too, is contradicted by that authority", p.what(), clock(p.proven.Time), p.proven.By)
	case anchor.Witnessed:
		s = fmt.Sprintf("Verified: %s was there by %s, by the clock of the witness %s, and continued all that it had seen before: against everybody, the operator too unless the two work together", p.what(), clock(p.proven.Time), p.proven.By)
	default:
		s = fmt.Sprintf("Verified: the copy has %s, in the file %s, and its newest checkpoint, of %d, continues it: as far as whoever kept the copy can be believed. The day in the name is the operator's word", p.what(), p.proven.By, p.proven.Latest.Size)
	}
	if p.lacks != "" {
		s += ". That it is of this receipt is not shown. It takes " + p.lacks
	}
	return s
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// covered returns the pieces that hold and are of the receipt.
func (o *outside) covered() []*piece { return o.counting(true) }

// counting returns the pieces that hold, of checkpoints; with a receipt, of that.
func (o *outside) counting(receipt bool) (list []*piece) {
	for _, p := range o.pieces {
		if p.holds() && p.Checkpoint != nil && (p.covers || !receipt) {
			list = append(list, p)
		}
	}
	return list
}

// words says of each piece what became of it.
func (o *outside) words() (list []string) {
	for _, p := range o.pieces {
		list = append(list, p.words())
	}
	return list
}

func (o *outside) json() (list []outcomeJSON) {
	for _, p := range o.pieces {
		list = append(list, p.json())
	}
	return list
}

// An outcomeJSON is a piece of evidence as programs read it.
type outcomeJSON struct {
	Kind        anchor.Kind `json:"kind"`
	Place       string      `json:"place"`
	Size        int64       `json:"size,omitempty"`    // of the log
	Version     string      `json:"version,omitempty"` // SHA-256 of a version's evidence
	Verified    bool        `json:"verified"`
	Wrong       string      `json:"wrong,omitempty"` // in English
	Lacks       string      `json:"lacks,omitempty"` // in English
	Covers      bool        `json:"covers"`          // it is of the receipt
	By          string      `json:"by,omitempty"`
	Time        string      `json:"time,omitempty"`
	Independent bool        `json:"independent"` // the time is somebody else's word
	Until       string      `json:"until,omitempty"`
	Says        string      `json:"says"` // in English
}

func (p *piece) json() outcomeJSON {
	j := outcomeJSON{Kind: p.Evidence.Kind, Place: p.Evidence.Place, Size: p.head.Size, Verified: p.holds(), Lacks: p.lacks, Covers: p.covers, Says: p.words()}
	if p.Checkpoint == nil {
		j.Version = fmt.Sprintf("%x", p.Version)
	}
	if p.wrong != nil {
		j.Wrong = p.wrong.Error()
	}
	if p.holds() {
		j.By, j.Time, j.Independent = p.proven.By, clock(p.proven.Time), p.proven.Independent
		if !p.proven.Until.IsZero() {
			j.Until = clock(p.proven.Until)
		}
	}
	return j
}
