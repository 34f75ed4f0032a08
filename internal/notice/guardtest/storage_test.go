package guardtest

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/browsertest"
)

const storageData = `<script data-temoin='{"s":"MODE","k":[["cookie","_c*",["analytics!counter"]],["cookie","_core",["media"]],["cookie","_cz*",["media"]],["localStorage","seen",["media"]],["sessionStorage","seen",["analytics"]]]}'>`

const write = `document.addEventListener("temoin:held", e => (window.told ??= []).push(e.detail.kind + " " + e.detail.name + " " + e.detail.blocked));
	document.cookie = "_count=1; path=/"; document.cookie = "_core=1"; document.cookie = "own=1"; document.cookie = "_cx=1; max-age=0";
	localStorage.setItem("seen", "1"); sessionStorage.setItem("seen", "1"); localStorage.setItem("own", "1");
	const thrown = []; try { localStorage.setItem() } catch (e) { thrown.push(e.name) } try { Storage.prototype.setItem.call({}, "a", "b") } catch (e) { thrown.push(e.name) }
	return [document.cookie.split("; ").filter(c => !c.startsWith("choice")).sort().join(), localStorage.seen, sessionStorage.seen, localStorage.own, thrown.join(), window.told]`

func TestDeclaredKeysThatAreNotAllowedAreToldOfAndBlockedWhereTheSiteSaysSo(t *testing.T) {
	for mode, want := range map[string]string{
		"report": `["_core=1,_count=1,own=1", "1", "1", "1", "TypeError,TypeError", ["cookie _count false", "cookie _core false", "localStorage seen false", "sessionStorage seen false"]]`,
		"block":  `["own=1", null, null, "1", "TypeError,TypeError", ["cookie _count true", "cookie _core true", "localStorage seen true", "sessionStorage seen true"]]`,
	} {
		w := start(t)
		w.Head = strings.Replace(storageData, "MODE", mode, 1) + chunk(t, "guard-storage") + "</script>"
		tab := browsertest.Open(t)
		w.open(tab)
		w.is(tab, mode, write, want)
		if m := tab.Messages(); !slices.Contains(m, "warning: temoin: cookie _count needs consent") {
			t.Errorf("%s: the console shows %q", mode, m)
		}
		w.choose(tab, "analytics")
		w.is(tab, mode+", allowed", `document.cookie = "_count=2; path=/"; sessionStorage.setItem("seen", "2"); 
			document.cookie = "_core=2"; document.cookie = "_czar=2"; return [document.cookie.includes("_count=2"), sessionStorage.seen, told.slice(4)]`,
			strings.ReplaceAll(`[true, "2", ["cookie _core STOPPED", "cookie _czar STOPPED"]]`, "STOPPED", strconv.FormatBool(mode == "block")))
	}
}
