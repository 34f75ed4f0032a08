// Command check measures "temoin check" of a manifest with 300 trackers as a
// whole process, in turn with its bound: the same binary printing its help,
// which is what starting a process costs here.
//
//	go run ./bench/check [-runs 21]
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	runs := flag.Int("runs", 21, "how often each command is run")
	flag.Parse()
	if err := measure(*runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench/check:", err)
		os.Exit(1)
	}
}

func measure(runs int) error {
	dir, err := os.MkdirTemp("", "temoin-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, manifest := filepath.Join(dir, "temoin"), filepath.Join(dir, "site.yaml")
	if out, err := exec.Command("go", "build", "-o", binary, "./cmd/temoin").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w: %s", err, out)
	}
	src := manifestOf(300)
	if err := os.WriteFile(manifest, src, 0o644); err != nil {
		return err
	}
	commands := map[string][]string{"check": {"check", manifest}, "bound": {"help"}}
	times := map[string][]time.Duration{}
	for range runs + 1 { // the first run of each warms the caches
		for _, name := range []string{"bound", "check"} {
			start := time.Now()
			cmd := exec.Command(binary, commands[name]...)
			if out, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState.ExitCode() > 1 {
				return fmt.Errorf("%s: %w: %s", name, err, out)
			}
			times[name] = append(times[name], time.Since(start))
		}
	}
	for _, name := range []string{"bound", "check"} {
		t := times[name][1:]
		slices.Sort(t)
		times[name] = t
		fmt.Printf("%-6s min %6.1f ms  median %6.1f ms  max %6.1f ms\n", name, ms(t[0]), ms(t[len(t)/2]), ms(t[len(t)-1]))
	}
	fmt.Printf("temoin check, 300 trackers (%d kB): median %.1f ms, %.1fx of starting the process; budget 60 ms\n",
		len(src)/1000, ms(times["check"][runs/2]), float64(times["check"][runs/2])/float64(times["bound"][runs/2]))
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// manifestOf writes a manifest with that many trackers of the site's own, in
// three languages, and ten services.
func manifestOf(n int) []byte {
	var b strings.Builder
	b.WriteString(`temoin: 1
site: large
name: Large
url: https://large.example
languages: [en, fr, ar]
controller: {name: Large SAS, form: SAS, siren: 732 829 320, country: FR}
contact: {dpo: {email: dpo@large.example}}
authority: cnil
policy: {version: "1", updated: 2026-11-01, effective: 2026-11-01, announce: [banner]}
links: {privacy: /privacy}
logs: {kept: 6 months}
categories:
  necessary: {exempt: true}
  analytics: {needs: consent, title: {en: Analytics, fr: Mesure, ar: قياس}, purpose: {en: Counts visits., fr: Compte les visites., ar: يحصي الزيارات.}}
services:
`)
	for _, id := range []string{"google-analytics", "hotjar", "meta-pixel", "linkedin-insight", "criteo", "intercom", "youtube", "vimeo", "google-maps", "hubspot"} {
		fmt.Fprintf(&b, "  - {use: %s, category: analytics}\n", id)
	}
	b.WriteString("trackers:\n")
	for i := range n {
		fmt.Fprintf(&b, `  - name: tracker_%d
    category: analytics
    lasts: 13 months
    purpose:
      en: Counts the visits of page number %d so that it can be improved.
      fr: Compte les visites de la page numéro %d pour pouvoir l'améliorer.
      ar: يحصي زيارات الصفحة رقم %d بهدف تحسينها.
`, i, i, i, i)
	}
	return []byte(b.String())
}
