package standin

import (
	"embed"
	"encoding/json"
	"html/template"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed scripts
var scripts embed.FS

// places are the addresses that are answered, as patterns of http.ServeMux;
// "*.daily.co" stands for every name below it.
var places = map[string]http.HandlerFunc{
	"www.googletagmanager.com/gtag/js":       script("gtag.js"),
	"region1.google-analytics.com/g/collect": taken,
	"www.google-analytics.com/g/collect":     taken,
	"stats.g.doubleclick.net/g/collect":      taken,

	"static.hotjar.com/c/{id}":     named("hotjar-", script("hotjar.js")),
	"script.hotjar.com/{file}":     named("modules.", script("hotjar-modules.js")),
	"content.hotjar.io/":           taken,
	"ws.hotjar.com/api/v2/client/": socket,

	"js.stripe.com/v3/{$}":            script("stripe.js"),
	"js.stripe.com/v3/{frame}":        stripeFrame,
	"m.stripe.network/inner.html":     file("stripe-inner.html"),
	"m.stripe.com/6":                  taken,
	"api.stripe.com/v1/":              stripeAPI,
	"hooks.stripe.com/3d_secure/{id}": threeDSecure,

	"widget.intercom.io/widget/{app}": script("intercom.js"),
	"js.intercomcdn.com/{file}":       named("frame.", script("intercom-frame.js")),
	"api-iam.intercom.io/messenger/":  taken,

	"*.daily.co/{room}": file("daily.html"),

	"www.youtube-nocookie.com/embed/{video}": file("youtube.html"),

	"fonts.googleapis.com/css2": fontSheet,
	"fonts.gstatic.com/s/":      font,
}

// Hosts lists the hosts that a stand-in answers for, in the order of the alphabet;
// "*.daily.co" stands for every name below daily.co.
func Hosts() []string {
	var all []string
	for pattern := range maps.Keys(places) {
		host, _, _ := strings.Cut(pattern, "/")
		all = append(all, host)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// under is the name by which places know a host.
func under(host string) string {
	if strings.HasSuffix(host, ".daily.co") {
		return "*.daily.co"
	}
	return host
}

var mux = sync.OnceValue(func() *http.ServeMux {
	m := http.NewServeMux()
	for pattern, h := range places {
		m.HandleFunc(pattern, h)
	}
	return m
})

// answer is what a third party answers. Nothing of it is cached, so that every use
// of it is seen.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	host := under(hostOf(r))
	asked := requestOf(r, !slices.Contains(Hosts(), host))
	s.keep(asked)
	if asked.Unknown {
		http.Error(w, "The stand-in does not answer for "+asked.Host+".", http.StatusBadGateway)
		return
	}
	allowAll(w.Header(), asked.Origin)
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	r.Host, r.Body = host, io.NopCloser(strings.NewReader(asked.Body))
	mux().ServeHTTP(w, r)
}

// allowAll lets pages of every site read the answers, with cookies or without, as
// the third parties do.
func allowAll(h http.Header, origin string) {
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if origin == "" {
		h.Set("Access-Control-Allow-Origin", "*")
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Vary", "Origin")
}

// content returns an embedded file; the tests ask for each.
func content(name string) []byte {
	b, err := scripts.ReadFile("scripts/" + name)
	if err != nil {
		panic("standin: " + err.Error())
	}
	return b
}

// script answers with a script, behind what scripts share, as one function.
func script(name string) http.HandlerFunc {
	src := slices.Concat([]byte("(() => {\n"), content("shared.js"), content(name), []byte("})();\n"))
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(src)
	}
}

func file(name string) http.HandlerFunc {
	src, kind := content(name), mime.TypeByExtension(path.Ext(name))
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(src)
	}
}

// named lets through scripts whose name begins as those of the third party.
func named(prefix string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if name := path.Base(r.URL.Path); !strings.HasPrefix(name, prefix) || path.Ext(name) != ".js" {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	}
}

// taken answers what is only sent.
func taken(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// stripeFrame answers with one of the documents that stripe.js puts into frames.
func stripeFrame(w http.ResponseWriter, r *http.Request) {
	switch name := r.PathValue("frame"); {
	case strings.HasPrefix(name, "m-outer-"):
		file("stripe-outer.html")(w, r)
	case strings.HasPrefix(name, "elements-inner-"):
		file("stripe-card.html")(w, r)
	default:
		http.NotFound(w, r)
	}
}

// askingCard is the test card for which Stripe asks the holder to confirm.
const askingCard = "4000002760003184"

// stripeAPI answers a payment: it succeeds, or waits for the holder of the card.
func stripeAPI(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.ParseForm() != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	answer := map[string]any{"id": "pm_standin", "object": "payment_method", "type": "card"}
	if intent, ok := strings.CutPrefix(r.URL.Path, "/v1/payment_intents/"); ok {
		intent = strings.TrimSuffix(intent, "/confirm")
		answer = map[string]any{"id": intent, "object": "payment_intent", "status": "succeeded"}
		if r.Form.Get("payment_method_data[card][number]") == askingCard {
			back := url.Values{"return_url": {r.Form.Get("return_url")}, "payment_intent": {intent}}
			answer["status"] = "requires_action"
			answer["next_action"] = map[string]any{
				"type":            "redirect_to_url",
				"redirect_to_url": map[string]string{"url": "https://hooks.stripe.com/3d_secure/standin?" + back.Encode()},
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

var threeDSecurePage = template.Must(template.ParseFS(scripts, "scripts/stripe-3d-secure.html"))

// threeDSecure is the page on which the holder of a card confirms: its buttons lead
// back to the site.
func threeDSecure(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("return_url"))
	if err != nil || back.Host == "" || back.Scheme != "https" && back.Scheme != "http" {
		http.Error(w, "return_url must be an address.", http.StatusBadRequest)
		return
	}
	ends := map[string]string{}
	for _, end := range []string{"succeeded", "failed"} {
		to, v := *back, back.Query()
		v.Set("payment_intent", q.Get("payment_intent"))
		v.Set("redirect_status", end)
		to.RawQuery = v.Encode()
		ends[end] = to.String()
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = threeDSecurePage.Execute(w, ends)
}

var fontName = regexp.MustCompile(`^[A-Za-z0-9 ]{1,60}$`)

// fontSheet declares the families that are asked for, all with one font.
func fontSheet(w http.ResponseWriter, r *http.Request) {
	var sheet strings.Builder
	q, _ := url.ParseQuery(strings.ReplaceAll(r.URL.RawQuery, ";", "%3B")) // wght@400;700
	for _, family := range q["family"] {
		name, _, _ := strings.Cut(family, ":")
		if !fontName.MatchString(name) {
			http.Error(w, "family: letters, digits and spaces only.", http.StatusBadRequest)
			return
		}
		file := strings.ToLower(strings.ReplaceAll(name, " ", ""))
		sheet.WriteString("@font-face { font-family: '" + name + "'; font-display: swap; src: url(https://fonts.gstatic.com/s/" + file + "/v1/standin.woff2) format('woff2'); }\n")
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = io.WriteString(w, sheet.String())
}
