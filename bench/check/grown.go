package main

import (
	"fmt"
	"strings"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/policy"
)

// A part is a part of the site that keeps things in the browser.
type part struct{ id, en, fr string }

var parts = []part{
	{"lesson", "the lesson page", "la page du cours"},
	{"search", "the search for teachers", "la recherche de professeurs"},
	{"calendar", "the calendar", "l'agenda"},
	{"messages", "the messages", "la messagerie"},
	{"homework", "the homework", "les devoirs"},
	{"board", "the shared blackboard", "le tableau partagé"},
	{"library", "the library of exercises", "la bibliothèque d'exercices"},
	{"invoices", "the invoices", "les factures"},
	{"profile", "the profile", "le profil"},
	{"reviews", "the reviews of teachers", "les avis sur les professeurs"},
	{"forum", "the forum", "le forum"},
	{"quiz", "the tests of knowledge", "les tests de connaissances"},
	{"family", "the pages for parents", "l'espace des parents"},
	{"schools", "the pages for schools", "l'espace des établissements"},
	{"teachers", "the pages for teachers", "l'espace des professeurs"},
	{"gift", "the gift vouchers", "les chèques-cadeaux"},
	{"offers", "the price list", "la grille des tarifs"},
	{"jobs", "the job offers", "les offres d'emploi"},
	{"help", "the help pages", "les pages d'aide"},
	{"notes", "the notes taken in a lesson", "les notes prises en cours"},
}

// A use is what a part keeps something for. The part's name takes the place of
// %s.
type use struct{ name, entry, en, fr string }

var uses = []use{
	{"session", "essential, lasts: session, http_only: true, secure: true, same_site: Lax, reason: authentication, basis: contract", "Keeps you signed in to %s while you use it.", "Maintient votre connexion pendant que vous utilisez %s."},
	{"csrf", "essential, lasts: session, http_only: true, secure: true, same_site: Strict, reason: security, basis: contract", "Makes sure that a form of %s was sent by you and not by another site.", "Vérifie que les formulaires envoyés depuis %s viennent bien de vous et non d'un autre site."},
	{"node", "essential, lasts: session, secure: true, same_site: Lax, reason: load-balancing, basis: contract", "Sends each of your requests for %s to the server that answered the first one.", "Adresse toutes vos requêtes concernant %s au serveur qui a répondu à la première."},
	{"draft", "essential, kind: sessionStorage, lasts: session, reason: cart, basis: contract", "Keeps what you type in %s until you send it, so that nothing is lost if the page is loaded again.", "Garde ce que vous saisissez dans %s jusqu'à l'envoi, pour que rien ne soit perdu si la page se recharge."},
	{"basket", "essential, lasts: 2 days, secure: true, same_site: Lax, reason: cart, basis: contract", "Keeps what you chose in %s for as long as you have not paid.", "Garde ce que vous avez choisi dans %s tant que vous n'avez pas payé."},
	{"lang", "functional, lasts: 1 year, secure: true, same_site: Lax, reason: interface, basis: contract", "Remembers in which language you read %s.", "Retient la langue dans laquelle vous lisez %s."},
	{"view", "functional, kind: localStorage, lasts: 1 year, reason: interface, basis: contract", "Shows %s as a list or as tiles, as you chose.", "Affiche %s en liste ou en mosaïque, selon votre choix."},
	{"size", "functional, kind: localStorage, lasts: 1 year, reason: interface, basis: contract", "Shows the text of %s in the size that you chose.", "Affiche le texte dans la taille que vous avez choisie pour %s."},
	{"order", "functional, lasts: 6 months, secure: true, same_site: Lax, reason: interface, basis: contract", "Sorts %s in the order that you chose.", "Trie %s dans l'ordre que vous avez choisi."},
	{"hint", "functional, kind: localStorage, lasts: 1 year, reason: interface, basis: contract", "Remembers which explanations about %s you closed, and does not show them again.", "Retient les explications que vous avez fermées sur %s, pour ne plus les afficher."},
	{"visits", "analytics, lasts: 13 months, sliding: false, secure: true, same_site: Lax, basis: consent", "Counts how often %s is visited, and whether a visitor comes back.", "Compte les visites et indique si les mêmes personnes reviennent consulter %s."},
	{"path", "analytics, lasts: session, secure: true, same_site: Lax, basis: consent", "Measures in what order the pages around %s are read.", "Mesure l'ordre dans lequel sont lues les pages autour de %s."},
	{"speed", "analytics, kind: sessionStorage, lasts: session, basis: consent", "Measures how long %s takes to appear on your device.", "Mesure le temps que met votre appareil à afficher %s."},
	{"variant", "analytics, lasts: 3 months, sliding: false, secure: true, same_site: Lax, basis: consent", "Shows you the same version each time while two versions of %s are compared.", "Vous montre toujours la même version pendant que deux versions sont comparées pour %s."},
	{"source", "analytics, lasts: 30 days, sliding: false, secure: true, same_site: Lax, basis: consent", "Remembers which site brought you to %s, so that we know which links are of use.", "Retient le site qui vous a mené vers %s, pour savoir quels liens sont utiles."},
}

// Services of the catalogue, by the category that the example lists them in.
var (
	measuring = []string{"hotjar", "matomo-cloud", "microsoft-clarity", "mixpanel", "amplitude", "heap", "vwo", "optimizely"}
	onUse     = []string{"youtube", "vimeo", "google-maps", "intercom", "zendesk", "calendly", "typeform", "paypal", "klarna"}
)

// grown is the example of the Platform with as many trackers of its own as are
// asked for, and with more services.
func grown(trackers int) ([]byte, error) {
	name, src, err := examples.Manifest("platform", false)
	if err != nil {
		return nil, err
	}
	site, err := policy.Parse(name, src)
	if err != nil {
		return nil, err
	}
	for _, t := range site.Trackers {
		if t.Service == nil && t.Origin != policy.FromTemoin {
			trackers--
		}
	}
	if most := len(parts) * len(uses); trackers > most {
		return nil, fmt.Errorf("there are texts for %d more trackers, not for %d", most, trackers)
	}
	text := string(src)
	for before, more := range map[string]string{"\nservices:\n": moreTrackers(trackers), "\npromises:\n": moreServices()} {
		if strings.Count(text, before) != 1 {
			return nil, fmt.Errorf("%s has no single line %q", name, strings.TrimSpace(before))
		}
		text = strings.Replace(text, before, more+before, 1)
	}
	_, err = policy.Parse(name, []byte(text))
	return []byte(text), err
}

func moreTrackers(n int) string {
	var b strings.Builder
	for i := range n {
		p, u := parts[i%len(parts)], uses[i/len(parts)]
		fmt.Fprintf(&b, "\n  - name: platform_%s_%s\n", p.id, u.name)
		for field := range strings.SplitSeq("category: "+u.entry, ", ") {
			fmt.Fprintf(&b, "    %s\n", field)
		}
		if strings.Contains(u.entry, "reason: interface") {
			b.WriteString(setByVisitor)
		}
		fmt.Fprintf(&b, "    party: first\n    purpose:\n      en: %s\n      fr: %s\n", fmt.Sprintf(u.en, p.en), fmt.Sprintf(u.fr, p.fr))
	}
	return b.String()
}

const setByVisitor = `    act:
      en: you choose it in the menu of the page
      fr: vous la sélectionnez dans le menu de la page
    content:
      en: the word for what you chose
      fr: le mot qui désigne ce que vous avez choisi
`

func moreServices() string {
	var b strings.Builder
	for _, id := range measuring {
		fmt.Fprintf(&b, serviceEntry+"    loads: on-consent\n", id, "analytics")
	}
	for _, id := range onUse {
		fmt.Fprintf(&b, serviceEntry+`    loads: on-use
    paths: [/with/%[1]s]
    because:
      en: You open a page that is made with this service, and it cannot be shown without it.
      fr: Vous ouvrez une page faite avec ce service, qui ne peut pas être affichée sans lui.
`, id, "on-use")
	}
	return b.String()
}

const serviceEntry = `
  - use: %[1]s
    category: %[2]s
    contract: Data processing agreement of 2026-01-15
    sends:
      en: your IP address, the address of the page, the kind of browser
      fr: votre adresse IP, l'adresse de la page, le type de navigateur
`
