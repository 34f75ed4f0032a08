package check

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the project has read, or knows with certainty: the articles and
// paragraphs that a rule may cite, with how well each is known. What is in no
// list is cited without a number.
var (
	gdprArticles = strings.Fields("4(5) 4(11) 5(1)(a) 5(1)(c) 5(1)(c),(e) 5(1)(d) 5(1)(e) 5(2) 6 7(1) 7(3) 8 9 11 12(1) 12(2) 12(3) 13 " +
		"13(1)(a) 13(1)(a)-(b) 13(1)(e) 13(1)(f) 13(2)(a) 13(2)(b) 13(2)(b)-(c) 13(2)(d) 13(2)(f) 13(3) 15-21 17(3)(e) 21 21(5) 22 24(1) 26 28 32 44 44-46 45 49 77")
	guidelineParagraphs     = strings.Fields("4,16 13 13-14 15 16,30 19 20-25 22 23 24 25 34-38 34-40 44-45 47-48 49 50 50-51 50-52 51")
	recommendationArticles  = map[string]Certainty{"2": Corroborated, "2.1": Read, "2.3": Read, "2.4": Read, "3": Read, "4": Read, "5": Corroborated, "6": Read, "7": Corroborated}
	frenchLaw               = strings.Fields("45 48 82")
	certaintyWithoutNumbers = map[string]Certainty{"Planet49": Remembered, "C-311/18": Remembered, "2021/914": Remembered, "2023/1795": Corroborated, "04/2012": Remembered, "03/2022": Remembered}
)

var (
	gdprCited           = regexp.MustCompile(`^GDPR \(EU\) 2016/679, art\. (.+)$`)
	guidelinesCited     = regexp.MustCompile(`2020-091 .*§ (.+)$`)
	recommendationCited = regexp.MustCompile(`2020-092 .*, art\. (.+)$`)
	frenchLawCited      = regexp.MustCompile(`^Loi 78-17.*, art\. (.+)$`)
	numberCited         = regexp.MustCompile(`§|art\. |\bpt\.? [0-9]`)
)

func TestNoRuleCitesMoreThanIsCertain(t *testing.T) {
	t.Parallel()
	for _, r := range rules {
		for _, s := range r.Sources {
			cited := func(re *regexp.Regexp) string {
				if m := re.FindStringSubmatch(s.Text); m != nil {
					return strings.ReplaceAll(m[1], " ", "")
				}
				return ""
			}
			ok := true
			switch {
			case s.Certainty == House:
			case cited(gdprCited) != "":
				ok = slices.Contains(gdprArticles, cited(gdprCited)) && s.Certainty == Remembered
			case cited(guidelinesCited) != "":
				ok = slices.Contains(guidelineParagraphs, cited(guidelinesCited)) && s.Certainty == Read
			case cited(recommendationCited) != "":
				ok = recommendationArticles[cited(recommendationCited)] == s.Certainty
			case cited(frenchLawCited) != "":
				ok = slices.Contains(frenchLaw, cited(frenchLawCited)) && s.Certainty == Read
			case s.Text == "Directive 2002/58/EC, art. 5(3)":
				ok = s.Certainty == Remembered
			case strings.Contains(s.Text, "Taskforce"):
				ok = s.Certainty == Corroborated && (strings.HasSuffix(s.Text, "§ 24") || strings.HasSuffix(s.Text, "§§ 34-35"))
			case strings.Contains(s.Text, "Guidelines 2/2023"):
				ok = s.Certainty == Corroborated && strings.HasSuffix(s.Text, "§§ 50-51")
			case strings.Contains(s.Text, "WCAG"):
				ok = s.Certainty == Remembered && slices.Contains([]string{"WCAG 2.2, 3.1.2", "WCAG 2.2, 1.4.3 and 1.4.11"}, s.Text)
			case strings.Contains(s.Text, "RGAA"):
				ok = s == rgaaContrast
			default:
				ok = !numberCited.MatchString(s.Text)
			}
			for text, certainty := range certaintyWithoutNumbers {
				if strings.Contains(s.Text, text) && s.Certainty != certainty {
					ok = false
				}
			}
			if !ok {
				t.Errorf("%s cites %q as %s", r.ID, s.Text, s.Certainty)
			}
		}
	}
}

func TestARuleForTheWholeUnionRestsOnMoreThanFrenchTexts(t *testing.T) {
	t.Parallel()
	french := regexp.MustCompile(`^(CNIL|Loi 78-17|INSEE)\b`)
	for _, r := range rules {
		isFrench := func(s Source) bool { return french.MatchString(s.Text) }
		union := func(s Source) bool { return s.Certainty != House && !isFrench(s) }
		if r.Countries == nil && slices.ContainsFunc(r.Sources, isFrench) && !slices.ContainsFunc(r.Sources, union) {
			t.Errorf("%s is a rule of the European Union and rests on %v", r.ID, r.Sources)
		}
	}
}
