package policy

import "strings"

// countryCodes are the codes of ISO 3166-1 alpha-2.
const countryCodes = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
	"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ " +
	"NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"

// eeaCodes are the member states of the European Economic Area, with the
// territories of France and Finland in which the GDPR applies as in their state.
const eeaCodes = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK AX GF GP MF MQ RE YT"

// adequateCodes are countries and territories with an adequacy decision of the
// European Commission that covers commercial recipients (GDPR art. 45), as of
// 2026-11-21, Brazil among them by Implementing Decision (EU) 2026/179. The
// United States are not among them: there, only certified recipients are covered
// (Implementing Decision (EU) 2023/1795), which the manifest writes as dpf.
const adequateCodes = "AD AR BR CA CH FO GB GG IL IM JE JP KR NZ UY"

// overseasCodes are territories of France in which the law of France and of the
// European Union holds as it does in Paris.
const overseasCodes = "GF GP MF MQ RE YT"

func inCodes(codes, code string) bool {
	if len(code) != 2 || code[0] == ' ' || code[1] == ' ' {
		return false
	}
	return strings.Contains(codes, code)
}

// KnownCountry reports whether code is an ISO 3166-1 alpha-2 code.
func KnownCountry(code string) bool { return inCodes(countryCodes, code) }

// InEEA reports whether personal data sent to that country stays within the
// European Economic Area.
func InEEA(code string) bool { return inCodes(eeaCodes, code) }

// HasAdequacy reports whether the European Commission has decided that the
// country as a whole, or its commercial sector, protects personal data adequately.
func HasAdequacy(code string) bool { return inCodes(adequateCodes, code) }
