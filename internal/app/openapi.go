package app

import (
	"bytes"
	_ "embed"
	"net/http"
	"time"
)

// openAPI describes all that is served below the prefix (OpenAPI 3.1). A test asks for
// everything in it, and holds the answers against it.
//
//go:embed openapi.json
var openAPI []byte

// describe serves the description.
func describe(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(openAPI))
}
