package notice

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

func TestASiteGetsTheAdaptersOfWhatItAsksAbout(t *testing.T) {
	const head = "temoin: 1\nsite: s\nname: S\nurl: https://s.example\nlanguages: [en]\ncategories:\n  needed: {exempt: true}\n  analytics: {needs: consent}\n  ads: {needs: consent}\n  other: {needs: consent}\n"
	for name, test := range map[string]struct{ services, want string }{
		"none":               {"  - {use: intercom, category: other}\n", ``},
		"Google Analytics":   {"  - {use: google-analytics, category: analytics}\n", `adapter-google {"s":{"ad_personalization":[],"ad_storage":[],"ad_user_data":[],"analytics_storage":["google-analytics"],"functionality_storage":[],"personalization_storage":[]}}`},
		"its declared end":   {"  - {use: google-analytics, category: analytics, lasts: {_ga: 13 months}}\n", `adapter-google {"s":{"ad_personalization":[],"ad_storage":[],"ad_user_data":[],"analytics_storage":["google-analytics"],"functionality_storage":[],"personalization_storage":[]},"f":{"cookie_expires":33955200}}`},
		"and it stays":       {"  - {use: google-analytics, category: analytics, trackers: [{name: _ga, lasts: 13 months, sliding: false}]}\n", `adapter-google {"s":{"ad_personalization":[],"ad_storage":[],"ad_user_data":[],"analytics_storage":["google-analytics"],"functionality_storage":[],"personalization_storage":[]},"f":{"cookie_expires":33955200,"cookie_update":false}}`},
		"a session":          {"  - {use: google-analytics, category: analytics, lasts: {_ga: session}}\n", `adapter-google {"s":{"ad_personalization":[],"ad_storage":[],"ad_user_data":[],"analytics_storage":["google-analytics"],"functionality_storage":[],"personalization_storage":[]},"f":{"cookie_expires":0}}`},
		"and Ads":            {"  - {use: google-analytics, category: analytics, lasts: {_ga: 13 months}}\n  - {use: google-ads, category: ads}\n  - {use: intercom, category: other}\n", `adapter-google {"s":{"ad_personalization":["google-ads"],"ad_storage":["google-ads"],"ad_user_data":["google-ads"],"analytics_storage":["google-analytics"],"functionality_storage":["other"],"personalization_storage":[]},"f":{"cookie_expires":7776000}}`},
		"Tag Manager":        {"  - {use: google-tag-manager, category: other}\n  - {use: hotjar, category: analytics}\n  - {use: meta-pixel, category: ads}\n", `adapter-google {"s":{"ad_personalization":["ads"],"ad_storage":["ads"],"ad_user_data":["ads"],"analytics_storage":["analytics"],"functionality_storage":["other"],"personalization_storage":[]}}`},
		"under another name": {"  - {use: matomo, id: stats, category: analytics}\n", `adapter-matomo {"i":["stats"]}`},
		"exempt":             {"  - {use: matomo, category: needed, because: {en: It is the site's own.}}\n", ``},
		"UET and Clarity":    {"  - {use: microsoft-clarity, category: analytics}\n  - {use: microsoft-advertising, category: ads}\n", `adapter-microsoft {"u":["microsoft-advertising"],"c":["microsoft-clarity"],"a":["microsoft-advertising"]}`},
		"Clarity alone":      {"  - {use: microsoft-clarity, category: analytics}\n", `adapter-microsoft {"c":["microsoft-clarity"]}`},
		"Piano":              {"  - {use: piano-analytics, category: analytics}\n", `adapter-piano {"i":["piano-analytics"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			site, err := policy.Parse("site.yaml", []byte(head+"services:\n"+test.services))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, a := range adapters(site) {
				j, err := json.Marshal(a.data)
				if err != nil {
					t.Fatal(err)
				}
				got += a.chunk + " " + string(j)
			}
			if got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestAnAdapterStandsInTheHeadWithItsData(t *testing.T) {
	site, err := policy.Parse("site.yaml", []byte("temoin: 1\nsite: s\nname: S\nurl: https://s.example\nlanguages: [en]\ncategories:\n  analytics: {needs: consent}\nservices:\n  - {use: matomo, id: stats, category: analytics}\n"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := Compile(site, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := consent.Decide(site, nil, consent.Signals{}, time.Time{})
	head := string(n.In("en").Head(&d, Page{}))
	if !strings.Contains(head, ` data-d='{"matomo":{"i":["stats"]}}'`) || !strings.Contains(head, string(n.chunks["adapter-matomo"])) {
		t.Errorf("the head has no adapter: %s", head)
	}
}

func TestEachAdapterIsOfTheCatalogueAndHasAChunk(t *testing.T) {
	chunks, err := loadChunks()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range slices.Sorted(maps.Keys(adapterOf)) {
		if _, ok := policy.Catalogue(id); !ok || len(chunks[adapterOf[id]]) == 0 {
			t.Errorf("%s: %s", id, adapterOf[id])
		}
	}
}
