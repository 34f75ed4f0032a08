package guardtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// app is a page of React, rendered in full by a server and hydrated in full.
const app = `
const h = React.createElement;
function App() {
	const [more, setMore] = React.useState(false);
	const [text, setText] = React.useState("server");
	React.useEffect(() => { setText("hydrated"); window.show = () => setMore(true) }, []);
	return h("html", {lang: "en"},
		h("head", null, h("title", null, "page"), h("link", {rel: "stylesheet", href: "http://video.localhost:$PORT/style.css"})),
		h("body", null,
			h("p", {id: "text"}, text),
			h("iframe", {title: "film", src: "http://video.localhost:$PORT/film.html", width: 10, allow: "fullscreen"}),
			h("script", {src: "http://video.localhost:$PORT/plain.js"}),
			h("script", {async: true, src: "http://video.localhost:$PORT/hoisted.js"}),
			more && h("section", null,
				h("iframe", {title: "more", src: "http://video.localhost:$PORT/more.html"}),
				h("script", {async: true, src: "http://video.localhost:$PORT/more.js"}),
				h("img", {alt: "", src: "http://video.localhost:$PORT/more.gif"}),
				h("div", {dangerouslySetInnerHTML: {__html: '<iframe title="text" src="http://video.localhost:$PORT/text.html"></iframe>'}}))));
}`

// render is what a server of React answers.
const render = `
const {renderToPipeableStream} = require("react-dom/server");
renderToPipeableStream(h(App), {bootstrapScripts: ["/app.js"], onAllReady() {}, onError(e) { throw e }}).pipe(process.stdout);`

func modules(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../../tools/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "react-dom")); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("React is missing: run scripts/need axe")
		}
		t.Skip("React is missing: scripts/need axe installs it")
	}
	return dir
}

// bundle puts React's own modules into one classic script.
func bundle(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("const modules = {}, process = {env: {NODE_ENV: 'production'}}, require = n => { const m = modules[n]; if (!m.exports) m.run(m, m.exports = {}); return m.exports };\n")
	for name, file := range map[string]string{
		"react": "react/cjs/react.production.js", "react-dom": "react-dom/cjs/react-dom.production.js",
		"scheduler": "scheduler/cjs/scheduler.production.js", "react-dom/client": "react-dom/cjs/react-dom-client.production.js",
	} {
		src, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "modules[%q] = {run(module, exports) {%s\n}};\n", name, src)
	}
	return b.String()
}

// inert is the page as the gate rewrites it.
func (w *world) inert(page string) string {
	for what, inert := range map[string]string{
		`src="http://video.localhost:$PORT/film.html"`:        `src="/.temoin/placeholder/video?src=http://video.localhost:$PORT/film.html&amp;lang=en" data-temoin="video" data-temoin-src="http://video.localhost:$PORT/film.html"`,
		`<script src="http://video.localhost:$PORT/plain.js"`: `<script type="text/plain" data-temoin="video" data-temoin-src="http://video.localhost:$PORT/plain.js"`,
		`src="http://video.localhost:$PORT/hoisted.js"`:       `type="text/plain" data-temoin="video" data-temoin-src="http://video.localhost:$PORT/hoisted.js"`,
		`rel="stylesheet" href="http://video.localhost`:       `data-temoin="video" data-temoin-rel="stylesheet" href="http://video.localhost`,
	} {
		what, inert = w.Words.Replace(what), w.Words.Replace(inert)
		if strings.Count(page, what) != 1 {
			w.T.Fatalf("%s is not in the page\n%s", what, page)
		}
		page = strings.Replace(page, what, inert, 1)
	}
	return page
}

func TestReactHydratesADocumentWithHeldThingsAndNoticesNothing(t *testing.T) {
	dir := modules(t)
	w := start(t)
	node := exec.Command("node", "-e", `const React = require("react");`+w.Words.Replace(app)+render)
	node.Dir = filepath.Dir(dir)
	node.Env = append(os.Environ(), "NODE_ENV=production")
	page, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, page)
	}
	w.Whole = w.inert(string(page))
	w.Script("/app.js", bundle(t, dir)+`const React = require("react");`+app+
		`require("react-dom/client").hydrateRoot(document, h(App), {onRecoverableError(e) { console.error("recovered: " + e) }});`)
	v := w.Open(t, "/")
	hydrated := `while (document.getElementById("text").textContent != "hydrated") await new Promise(requestAnimationFrame); `
	v.Is("hydrated", hydrated+`window.film = document.querySelector("iframe"); return [document.body.firstElementChild.localName, film.dataset.temoinSrc, document.querySelectorAll("[data-temoin-src$='hoisted.js']").length]`,
		`["temoin-notice", "http://video.localhost:$PORT/film.html", 2]`)
	v.Is("more", `show(); while (!document.querySelector("section iframe")) await new Promise(requestAnimationFrame);
		return [...document.querySelectorAll("iframe")].map(f => f.title + " " + f.attributes.src.value.split("?")[0])`,
		`["film /.temoin/placeholder/video", "more http://site.localhost:$PORT/.temoin/placeholder/video", "text http://site.localhost:$PORT/.temoin/placeholder/video"]`)
	w.held("video.localhost")
	v.Quiet()
	w.Choose(v, "media")
	w.Wait("video.localhost/style.css", "video.localhost/film.html", "video.localhost/plain.js", "video.localhost/hoisted.js", "video.localhost/more.html", "video.localhost/more.js", "video.localhost/more.gif", "video.localhost/text.html")
	v.Is("released", `await until("plain.js"); await until("hoisted.js"); await until("more.js"); return [log.length, document.querySelector("iframe") === film, film.outerHTML, document.body.firstElementChild.localName]`,
		`[3, true, "<iframe title=\"film\" src=\"http://video.localhost:$PORT/film.html\" width=\"10\" allow=\"fullscreen\"></iframe>", "temoin-notice"]`)
	v.Quiet()
}
