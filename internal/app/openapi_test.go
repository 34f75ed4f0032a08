package app

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/register"
)

// A described is the description, as data.
type described struct {
	Paths  map[string]map[string]operation `json:"paths"`
	schema *jsonschema.Compiler
}

type operation struct {
	ID        string              `json:"operationId"`
	Responses map[string]response `json:"responses"`
}

type response struct {
	Content map[string]json.RawMessage `json:"content"`
}

func readDescription(t *testing.T) *described {
	t.Helper()
	d := &described{schema: jsonschema.NewCompiler()}
	if err := json.Unmarshal(openAPI, d); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPI))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.schema.AddResource("api.json", doc); err != nil {
		t.Fatal(err)
	}
	d.schema.AssertFormat()
	return d
}

// check holds an answer against what is said of its operation.
func (d *described) check(t *testing.T, method, path string, res *http.Response, body []byte) {
	t.Helper()
	op, ok := d.Paths[path][strings.ToLower(method)]
	if !ok {
		t.Errorf("%s %s is not described", method, path)
		return
	}
	said, ok := op.Responses[res.Status[:3]]
	if !ok {
		t.Errorf("%s %s: %s is not described: %.200s", method, path, res.Status, body)
		return
	}
	kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	if len(said.Content) > 0 && said.Content[kind] == nil {
		t.Errorf("%s %s: %s of the type %q is not described", method, path, res.Status, kind)
	}
	if kind != "application/json" || len(said.Content) == 0 {
		return
	}
	at := "api.json#/paths/" + strings.ReplaceAll(path, "/", "~1") + "/" + strings.ToLower(method) + "/responses/" + res.Status[:3] + "/content/application~1json/schema"
	schema, err := d.schema.Compile(at)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		t.Errorf("%s %s: %v\n%s", method, path, err, body)
	}
}

func TestEverythingAnswersAsItIsDescribed(t *testing.T) {
	t.Parallel()
	c := configure(t, t.TempDir())
	c.Sites[0].Notices = nil // those that the manifest makes
	r := run(t, c)
	server := httptest.NewServer(r.Gate("shop", GateConfig{Limit: &gate.Limit{Rate: 1000, Burst: 1000}}, http.NotFoundHandler()))
	defer server.Close()
	d := readDescription(t)
	asked := map[string]bool{}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, path, at, body string, header ...string) (*http.Response, []byte) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), method, server.URL+"/.temoin"+at, strings.NewReader(body))
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		d.check(t, method, path, res, b)
		asked[strings.ToLower(method)+" "+path] = true
		return res, b
	}
	_, shown, err := r.Shown("shop")
	if err != nil {
		t.Fatal(err)
	}
	notice := register.HashOf(shown.Editions()[0].Bytes).String()
	choose := func(action string) string { return `{"action":"` + action + `","notice":"` + notice + `"}` }

	_, kept := ask("POST", "/choice", "/choice", choose("accept"), asJSON...)
	id := field(t, kept, "id")
	ask("POST", "/choice", "/choice", choose("accept"), append(slices.Clone(asJSON), "Temoin-Choice", "")...)
	ask("POST", "/choice", "/choice", "action=refuse&notice="+notice, "Content-Type", "application/x-www-form-urlencoded")
	ask("POST", "/choice", "/choice", "{", asJSON...)
	ask("POST", "/choice", "/choice", choose("dance"), asJSON...)
	ask("POST", "/choice", "/choice", `{"action":"accept","notice":"`+strings.Repeat("0", 64)+`"}`, asJSON...)
	ask("POST", "/choice", "/choice", choose("accept"), append(slices.Clone(asJSON), "Sec-Fetch-Site", "cross-site")...)
	ask("POST", "/choice", "/choice", strings.Repeat(" ", 1<<16), asJSON...)
	ask("GET", "/state", "/state", "")
	ask("GET", "/state", "/state", "", "Temoin-Choice", "nonsense")
	deadline := time.Now().Add(20 * time.Second)
	for {
		if res, _ := ask("GET", "/receipts/{id}", "/receipts/"+id, ""); res.StatusCode == http.StatusOK {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("the proof does not come")
		}
	}
	ask("GET", "/receipts/{id}", "/receipts/01890a5d-ac96-774b-bcce-b302099a8057", "")
	ask("POST", "/account", "/account", "follow=device", "Content-Type", "application/x-www-form-urlencoded")
	ask("POST", "/report", "/report", `{"csp-report":{"effective-directive":"img-src","blocked-uri":"https://a.example/"}}`, "Content-Type", "application/csp-report")
	ask("POST", "/report", "/report", `{`, "Content-Type", "application/csp-report")
	ask("GET", "/placeholder/{service}", "/placeholder/one?src=https://one.example/film", "")
	ask("GET", "/placeholder/{service}", "/placeholder/one?src=https://evil.example/film", "")
	ask("GET", "/log/tile/{path}", "/log/tile/0/000.p/1", "")
	ask("GET", "/log/tile/{path}", "/log/tile/0/999", "")
	for path, methods := range d.Paths {
		if _, ok := methods["get"]; ok && !strings.Contains(path, "{") {
			ask("GET", path, path, "")
		}
		for method := range methods {
			if !asked[method+" "+path] {
				t.Errorf("%s %s is described and was not asked for", method, path)
			}
		}
	}
}
