package app

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/temoin/temoin/gate"
)

func TestNamesThatNobodyDeclaredAreToldApartUpToABound(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m := newGateMetrics(registry)
	shop, blog := m.of("shop"), m.of("blog")
	for i := range 3 * maxNames {
		shop.Count(gate.Event{What: gate.Reported, Name: "img-src", Host: fmt.Sprintf("h%d.example", i)})
	}
	shop.Count(gate.Event{What: gate.Reported, Name: "img-src", Host: strings.Repeat("x", maxName+1)})
	shop.Count(gate.Event{What: gate.CookieUndeclared, Name: "theme"}) // there is room for what nobody filled
	blog.Count(gate.Event{What: gate.Reported, Name: "img-src", Host: "late.example"})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	lines, times, names := map[string]int{}, 0.0, map[string]bool{}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			lines[f.GetName()]++
			for _, l := range one.GetLabel() {
				names[l.GetValue()] = true
			}
			if f.GetName() == "temoin_reports_total" {
				times += one.GetCounter().GetValue()
			}
		}
	}
	if lines["temoin_reports_total"] != maxNames+2 || times != 3*maxNames+2 || !names[other] || !names["theme"] || !names["late.example"] {
		t.Errorf("%v, %v reports", lines, times)
	}
}
