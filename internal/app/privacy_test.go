package app

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/storetest"
)

// A lockedBuffer takes what several write at once.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// Everything that could tell who a visitor is, sent in every place of a request; and
// then every byte that was written is looked through.
func TestNothingThatTellsWhoAVisitorIsIsWrittenAnywhere(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		var said lockedBuffer
		c.Log = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
		n := run(t, c)
		var secrets []string
		var ids []string
		for i := range 60 {
			who := visitor(i)
			secrets = append(secrets, who.own()...)
			status, id := who.choose(t, n, i)
			if want := []int{http.StatusOK, http.StatusBadRequest, http.StatusConflict}[i%3]; status != want {
				t.Fatalf("%d: %d, want %d", i, status, want)
			}
			if id != "" {
				ids = append(ids, id)
			}
		}
		for _, id := range ids {
			n.receipt(id)
		}
		n.end()
		folders := []string{c.Keys, c.Store}
		if strings.Contains(c.Store, "://") {
			storetest.Checkpoint(t)
			folders[1] = storetest.Folder()
		}
		// What is there is found: so what is not found is not there.
		if found := search(t, folders, []string{"shop", "temoin-key/1"}); len(found) != 2 {
			t.Fatalf("the search finds %v", found)
		}
		for _, s := range secrets {
			if !slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(s, b) }) {
				t.Fatalf("%q is not looked for", s)
			}
		}
		if found := search(t, folders, beginnings); len(found) > 0 {
			t.Errorf("written: %q", found)
		}
		for _, s := range append(secrets, ids...) {
			if strings.Contains(said.String(), s) {
				t.Errorf("said: %q", s)
			}
		}
	})
}

// A person is what could tell who somebody is.
type person struct{ address, local, agent, name, mail, session string }

func visitor(i int) person {
	return person{
		address: fmt.Sprintf("2001:db8:%x:%x::%x", 0x1000+i, 0x2000+i, 0x3000+i), local: fmt.Sprintf("127.0.%d.%d", 40+i, 100+i),
		agent: fmt.Sprintf("Browserino/%d.%d", 700+i, 31*i), name: fmt.Sprintf("Persona%04dNomen", i),
		mail: fmt.Sprintf("who%04d@mail.example", i), session: fmt.Sprintf("sessionvalue%06d", i),
	}
}

// beginnings are what it all begins with: there are hundreds of megabytes to look
// through.
var beginnings = []string{"2001:db8:1", "127.0.4", "127.0.5", "127.0.6", "127.0.7", "127.0.8", "127.0.9", "Browserino/", "Persona", "who0", "sessionvalue", "\x20\x01\x0d\xb8\x10"}

// own lists all of it, addresses as bytes too.
func (p person) own() []string {
	return []string{p.address, p.local, p.agent, p.name, p.mail, p.session, string(net.ParseIP(p.address).To16())}
}

// choose makes a choice with all of it in the request: a good one, one that cannot
// be read, and one on a notice that nobody was shown.
func (p person) choose(t *testing.T, n *running, i int) (int, string) {
	t.Helper()
	body := fmt.Sprintf(`{"action":"accept","lang":"en","notice":"%v","name":%q,"email":%q,"ip":%q,"user_agent":%q}`, register.HashOf(notices[0].Bytes), p.name, p.mail, p.address, p.agent)
	switch i % 3 {
	case 1:
		body = strings.Replace(body, `"accept"`, fmt.Sprintf("%q", p.name), 1)
	case 2:
		body = strings.Replace(body, register.HashOf(notices[0].Bytes).String(), strings.Repeat("ab", 32), 1)
	}
	r, err := http.NewRequest("POST", n.server.URL+"/.temoin/choice?who="+p.mail, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "User-Agent": p.agent, "X-Forwarded-For": p.address + ", " + p.local, "Forwarded": `for="[` + p.address + `]"`, "X-Real-Ip": p.address,
		"From": p.mail, "Referer": "https://shop.example/" + p.name, "Cookie": "session=" + p.session + "; cookie_consent=" + p.name, "Sec-Ch-Ua": p.agent, "Authorization": "Bearer " + p.session,
	} {
		r.Header.Set(name, value)
	}
	res, err := from(p.local).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, id, _ := strings.Cut(string(b), `"id":"`)
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, ""
	}
	return res.StatusCode, id[:36]
}

// search returns which texts any file of the folders holds.
func search(t *testing.T, folders, texts []string) (found []string) {
	t.Helper()
	there := map[string]bool{}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil //nolint:nilerr // files of a server at work come and go
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return nil //nolint:nilerr
			}
			for _, s := range texts {
				if !there[s] && bytes.Contains(b, []byte(s)) {
					there[s] = true
					found = append(found, s)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
