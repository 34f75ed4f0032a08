package guardtest

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

const stored = `
enforcement: {storage: MODE}
trackers:
  - {name: "_c*", category: analytics, lasts: 1 day}
  - {name: _core, category: media, lasts: 1 day}
  - {name: _cart, category: needed, lasts: 1 day}
  - {name: seen, kind: localStorage, category: media, lasts: 1 day}
  - {name: seen, kind: sessionStorage, category: analytics, lasts: session}
`

const write = `document.addEventListener("temoin:held", e => (window.told ??= []).push(e.detail.kind + " " + e.detail.name + " " + e.detail.blocked));
	document.cookie = "_count=1; path=/"; document.cookie = "_core=1"; document.cookie = "_cart=1"; document.cookie = "own=1"; document.cookie = "_cx=1; max-age=0";
	localStorage.setItem("seen", "1"); sessionStorage.setItem("seen", "1"); localStorage.setItem("own", "1");
	const thrown = []; try { localStorage.setItem() } catch (e) { thrown.push(e.name) } try { Storage.prototype.setItem.call({}, "a", "b") } catch (e) { thrown.push(e.name) }
	return [document.cookie.split("; ").filter(c => !c.startsWith("choice")).sort().join(), localStorage.seen, sessionStorage.seen, localStorage.own, thrown.join(), window.told]`

func TestDeclaredKeysThatAreNotAllowedAreToldOfAndBlockedWhereTheSiteSaysSo(t *testing.T) {
	for mode, want := range map[string]string{
		"report": `["_cart=1,_core=1,_count=1,own=1", "1", "1", "1", "TypeError,TypeError", ["cookie _count false", "cookie _core false", "localStorage seen false", "sessionStorage seen false"]]`,
		"block":  `["_cart=1,own=1", null, null, "1", "TypeError,TypeError", ["cookie _count true", "cookie _core true", "localStorage seen true", "sessionStorage seen true"]]`,
	} {
		w := startWith(t, strings.Replace(stored, "MODE", mode, 1))
		v := w.Open(t, "/")
		v.Is(mode, write, want)
		if m := v.Messages(); !slices.Contains(m, "warning: temoin: cookie _count needs consent") {
			t.Errorf("%s: the console shows %q", mode, m)
		}
		w.Choose(v, "analytics")
		v.Is(mode+", allowed", `document.cookie = "_count=2; path=/"; sessionStorage.setItem("seen", "2"); 
			document.cookie = "_core=2"; return [document.cookie.includes("_count=2"), sessionStorage.seen, told.slice(4)]`,
			strings.ReplaceAll(`[true, "2", ["cookie _core STOPPED"]]`, "STOPPED", strconv.FormatBool(mode == "block")))
	}
}
