package gate

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// slowest is how many bytes of a body must come each second, once it has taken its time.
const slowest = 500

const (
	tooLarge = "What was sent is larger than this site takes."
	tooSlow  = "What was sent came too slowly."
	broken   = "What was sent broke off, or cannot be read."
)

// An upload is a request's body on its way to the site. It remembers why it ended, so
// that a client's fault is not taken for the site's.
type upload struct {
	io.ReadCloser
	conn   *http.ResponseController
	slow   time.Duration
	limit  int64 // 0 is none
	read   int64
	waited time.Duration         // for the client; what the site takes counts for nobody
	fault  atomic.Pointer[error] // other than its end
}

var errTooLarge = errors.New("the body is too large")

func newUpload(w http.ResponseWriter, body io.ReadCloser, limit int64, slow time.Duration) *upload {
	return &upload{ReadCloser: body, conn: http.NewResponseController(w), slow: slow, limit: limit}
}

// Read reads what has come, and waits for it as long as the client is not too slow.
func (u *upload) Read(p []byte) (int, error) {
	begun := time.Now() // the clock that deadlines go by
	left := u.slow - u.waited + time.Duration(float64(u.read)/slowest*float64(time.Second))
	limited := u.conn.SetReadDeadline(begun.Add(left)) == nil
	n, err := u.ReadCloser.Read(p)
	u.waited += time.Since(begun)
	if limited {
		u.conn.SetReadDeadline(time.Time{}) //nolint:errcheck // it could be set
	}
	u.read += int64(n)
	if u.limit > 0 && u.read > u.limit {
		n, err = 0, errTooLarge
	}
	if err != nil && !errors.Is(err, io.EOF) {
		u.fault.Store(&err)
	}
	return n, err
}

// failure returns how a client is told that its body is at fault; 0 where it is not.
func (u *upload) failure() (status int, why string) {
	fault := u.fault.Load()
	switch {
	case fault == nil:
		return 0, ""
	case errors.Is(*fault, errTooLarge):
		return http.StatusRequestEntityTooLarge, tooLarge
	case errors.Is(*fault, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout, tooSlow
	case errors.Is(*fault, http.ErrBodyReadAfterClose):
		return 0, "" // the site has answered before, or is gone
	}
	return http.StatusBadRequest, broken
}
