package firefoxtest

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/sitetest"
)

// A world is a site, and what was asked of it.
type world struct {
	*browser
	site *sitetest.Site

	mu    sync.Mutex
	asked []string // "POST /.temoin/choice 303"
	heard chan struct{}
}

func visit(t *testing.T, more string) *world {
	t.Helper()
	w := &world{browser: start(t, more), heard: make(chan struct{}, 1)}
	w.site = sitetest.Start(t, "cexro", sitetest.Config{CSP: true, Page: w.page, Wrap: func(node http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			answer := &answer{rw, http.StatusOK}
			node.ServeHTTP(answer, r)
			w.note(r.Method + " " + r.URL.Path + " " + http.StatusText(answer.status))
		})
	}})
	w.open(w.site.URL + "/page")
	return w
}

// page writes a page, and notes whether a choice came with the request.
func (w *world) page(rw http.ResponseWriter, r *http.Request, head, body []byte) {
	if view, err := w.site.Node.View(w.site.ID, r); err == nil && view.Choice != nil {
		w.note("page with a choice")
	}
	fmt.Fprintf(rw, `<!doctype html><html lang="fr"><head><meta charset="utf-8">%s<title>Page</title></head><body>%s<main><h1>Page</h1></main></body></html>`, head, body)
}

// An answer notes its status.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (w *world) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, what)
	select {
	case w.heard <- struct{}{}:
	default:
	}
}

// wait waits until something was asked.
func (w *world) wait(what string) {
	w.t.Helper()
	for timeout := time.After(20 * time.Second); ; {
		w.mu.Lock()
		asked := slices.Clone(w.asked)
		w.mu.Unlock()
		if slices.Contains(asked, what) {
			return
		}
		select {
		case <-w.heard:
		case <-timeout:
			w.t.Fatalf("never: %s; asked was %q", what, asked)
		}
	}
}

func TestTheNoticeIsShownAndARefusalIsKept(t *testing.T) {
	w := visit(t, "")
	w.holds(`document.body.firstElementChild == host && shown(part('notice')) && !shown(part('open'))`)
	w.screenshot("firefox-notice")
	w.evaluate(`window.same = true`)
	w.click(w.middle("refuse"))
	w.until(`temoin.choice && !shown(part('notice')) && shown(part('open')) && part('status').textContent`)
	w.holds(`same && !temoin.allows('analytics') && document.cookie.includes('analytics=0')`)
	w.wait("POST /.temoin/choice OK")
	w.open(w.site.URL + "/later")
	w.holds(`!part('notice') && shown(part('open')) && !temoin.allows('analytics')`)
	w.screenshot("firefox-refused")
}

func TestWhatIsAcceptedIsAllowedUntilItIsWithdrawn(t *testing.T) {
	w := visit(t, "")
	w.click(w.middle("accept"))
	w.until(`temoin.allows('analytics') && !shown(part('notice'))`)
	w.open(w.site.URL + "/later")
	w.holds(`!part('notice') && temoin.allows('analytics')`)
	w.click(w.middle("open"))
	w.until(`part('centre') && part('centre').open && part('centre').matches(':modal')`)
	w.screenshot("firefox-centre")
	w.press("\ue00c") // Escape
	w.until(`!part('centre').open`)
	w.click(w.middle("open"))
	w.until(`part('centre').open`)
	w.evaluate(`part('centre').querySelector('[value=withdraw]').click()`)
	w.until(`!temoin.allows('analytics')`)
}

func TestWithoutJavaScriptTheFormsAnswerWithAPage(t *testing.T) {
	with := visit(t, "")
	at := with.middle("refuse")
	w := visit(t, `user_pref("javascript.enabled", false);`)
	w.screenshot("firefox-plain")
	w.click(at)
	w.wait("POST /.temoin/choice See Other")
	w.arrives(w.site.URL + "/page#temoin")
	w.wait("page with a choice")
	w.screenshot("firefox-plain-saved")
}
