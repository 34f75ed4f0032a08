package standin

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"time"
)

// guid is appended to a WebSocket's key before it is hashed (RFC 6455, 1.3).
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// socket opens a WebSocket and keeps it open until the page or the stand-in ends. What the page sends is read and
// dropped; nothing is sent.
func socket(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || key == "" {
		w.Header().Set("Upgrade", "websocket")
		w.WriteHeader(http.StatusUpgradeRequired)
		return
	}
	c, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(r.Context(), func() { _ = c.Close() })()
	_ = c.SetDeadline(time.Time{})
	sum := sha1.Sum([]byte(key + guid))
	_, err = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
	if err == nil {
		_, _ = io.Copy(io.Discard, buffered)
	}
}
