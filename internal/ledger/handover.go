package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const handoverFormat = "temoin-handover/1"

// Handover returns the word of a log's key that another key signs from a head on: a
// note of six lines (format, origin, size, root, the key, the other key), signed by
// both. Two signatures under one checkpoint would not say that: anybody can put
// theirs under it.
//
// The head must be committed, as for [Sign]. No reader takes the note for a
// checkpoint: its first line is no log's origin and its second no size.
func Handover(head Head, from, to Key) ([]byte, error) {
	if !head.valid() || len(from.secret) == 0 || len(to.secret) == 0 || from.origin != to.origin || from.secret.Equal(to.secret) {
		return nil, fmt.Errorf("%v cannot hand over to %v at size %d: they must be two keys of one log, and there must be such a head", from, to, head.Size)
	}
	text := handoverText(head, from.Verifier(), to.Verifier())
	return note.Sign(&note.Note{Text: text}, signer{from}, signer{to})
}

func handoverText(head Head, from, to Verifier) string {
	return fmt.Sprintf("%s\n%s\n%d\n%s\n%s\n%s\n", handoverFormat, from.name, head.Size, head.Root, from, to)
}

// Follow reads a handover by a key that is trusted already, and returns the trust
// with the other key in it. The key's word is worth as much as the key: one that
// was stolen can name any other.
func (t Trust) Follow(msg []byte) (Trust, error) {
	if len(msg) > maxNote {
		return t, fmt.Errorf("a handover has at most %d bytes, this one %d", maxNote, len(msg))
	}
	text, _, _ := strings.Cut(string(msg), "\n\n")
	from, to, err := parseHandover(text + "\n")
	if err != nil {
		return t, err
	}
	if from.name != t.Origin || !slices.Contains(t.Keys, from) {
		return t, fmt.Errorf("the handover is by %v, which is no trusted key of the log %q", from, t.Origin)
	}
	n, err := note.Open(msg, note.VerifierList(from, to))
	if unverified := (*note.UnverifiedNoteError)(nil); err != nil && !errors.As(err, &unverified) {
		return t, fmt.Errorf("reading a handover: %w", err)
	}
	if err != nil || len(n.Sigs) != 2 || n.Text != text+"\n" || slices.ContainsFunc(n.Sigs, lax) {
		return t, errors.New("the handover is not signed by both keys")
	}
	if !slices.Contains(t.Keys, to) {
		t.Keys = append(slices.Clone(t.Keys), to)
	}
	return t, nil
}

// lax reports whether a signature is written in another way than the one there is.
func lax(s note.Signature) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(s.Base64)
	return err != nil
}

// parseHandover reads the six lines.
func parseHandover(text string) (from, to Verifier, err error) {
	malformed := fmt.Errorf("%.300q is no handover of a log's key", text)
	lines := strings.Split(text, "\n")
	if len(lines) != 7 {
		return from, to, malformed
	}
	size, err1 := strconv.ParseInt(lines[2], 10, 64)
	root, err2 := tlog.ParseHash(lines[3])
	from, err3 := ParseVerifier(lines[4])
	to, err4 := ParseVerifier(lines[5])
	head := Head{size, root}
	if errors.Join(err1, err2, err3, err4) != nil || !head.valid() || from == to || from.name != to.name || handoverText(head, from, to) != text {
		return from, to, malformed
	}
	return from, to, nil
}
