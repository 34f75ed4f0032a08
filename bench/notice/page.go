package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"
)

// words fill the article. What they say is of no account.
var words = strings.Fields(`le la les un une des de du et ou mais donc car ville quartier marché gare pont rivière
	matin soir hiver été saison projet budget conseil maire habitants école livre musée théâtre concert exposition
	travaux circulation vélo tramway ligne station horaire commerce atelier jardin place rue avenue fontaine
	annonce présente ouvre ferme prépare attend propose rappelle explique décide raconte mesure publie reçoit`)

// ownScript is what a page does itself: without any, a browser has less of itself in
// memory than any site with third parties would see.
const ownScript = `<script>(() => {
	const menu = document.createElement("nav"), list = document.createElement("ul");
	menu.append(list);
	for (const h of document.querySelectorAll("section h2")) {
		h.id = h.textContent.toLowerCase().replace(/ /g, "-");
		const a = document.createElement("a"), li = document.createElement("li");
		a.href = "#" + h.id; a.textContent = h.textContent; li.append(a); list.append(li);
	}
	document.querySelector("footer").append(menu);
	document.querySelector("form").addEventListener("submit", e => { if (!e.target.n.value) e.preventDefault() });
	new Image().src = "data:,"; document.documentElement.dataset.touch = navigator.maxTouchPoints;
})()</script>`

// article is a page of some sixty kilobytes, the same each time: sections of text, a
// table, a form and a script, its style in its head.
func article() string {
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	sentence := func() string {
		var s []string
		for range 8 + rnd.IntN(14) {
			s = append(s, words[rnd.IntN(len(words))])
		}
		first := []rune(s[0])
		return string(unicode.ToUpper(first[0])) + strings.Join(s, " ")[len(string(first[0])):] + ". "
	}
	var b strings.Builder
	b.WriteString(`<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>La page</title><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><style>
body{font:17px/1.6 Georgia,serif;margin:0;color:#222}main,header,footer{max-width:44rem;margin:auto;padding:1rem}table{border-collapse:collapse}td{border:1px solid #ccc;padding:.3rem .6rem}</style>` + headMark + `</head><body>
<header><strong>La Chronique</strong> <a href="#contact">Contact</a></header><main><h1>Une journée en ville</h1>`)
	for i := range 40 {
		fmt.Fprintf(&b, "<section><h2>Partie %d</h2>", i+1)
		for range 3 {
			b.WriteString("<p>")
			for range 4 + rnd.IntN(3) {
				b.WriteString(sentence())
			}
			b.WriteString("</p>")
		}
		b.WriteString("</section>")
	}
	b.WriteString("<table>")
	for i := range 20 {
		fmt.Fprintf(&b, "<tr><td>%d</td><td>%s</td></tr>", i, sentence())
	}
	b.WriteString(`</table></main><footer><form id="contact"><label>Nom <input name="n"></label></form><a href="/.temoin/" id="open-cookies">Cookies</a></footer>` +
		ownScript + gatedMark + restMark + `</body></html>`)
	return b.String()
}
