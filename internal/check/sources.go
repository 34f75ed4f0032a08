package check

// Sources of the rules. A paragraph stands only where its number is certain.

func gdpr(article string) Source { return Source{"GDPR (EU) 2016/679, art. " + article, Remembered} }

// guidelines is CNIL's délibération 2020-091, read in a numbered transcription.
func guidelines(paragraphs string) Source {
	return Source{"CNIL, délibération 2020-091 (guidelines on cookies), § " + paragraphs, Read}
}

// recommendation is CNIL's délibération 2020-092 as modified by délibération
// 2025-131; only its articles are cited.
func recommendation(article string, c Certainty) Source {
	return Source{"CNIL, délibération 2020-092 as modified by 2025-131 (recommendation on cookies), art. " + article, c}
}

func house(why string) Source { return Source{why, House} }

var (
	art82         = Source{"Loi 78-17 of 6 January 1978, art. 82", Read}
	eprivacy      = Source{"Directive 2002/58/EC, art. 5(3)", Remembered}
	planet49      = Source{"CJEU, C-673/17 Planet49", Remembered}
	taskforce24   = Source{"EDPB, Cookie Banner Taskforce report, § 24", Corroborated}
	taskforce34   = Source{"EDPB, Cookie Banner Taskforce report, §§ 34-35", Corroborated}
	rfc6265bis    = Source{"draft-ietf-httpbis-rfc6265bis", Read}
	rfc6265       = Source{"RFC 6265 (token)", Remembered}
	exemption4    = Source{"WP29, opinion 04/2012 on the consent exemption", Remembered}
	edpb2of2023   = Source{"EDPB, Guidelines 2/2023, §§ 50-51", Corroborated}
	edpb3of2022   = Source{"EDPB, Guidelines 03/2022 on deceptive design patterns", Remembered}
	dpfDecision   = Source{"Commission Implementing Decision (EU) 2023/1795 (EU-U.S. Data Privacy Framework)", Corroborated}
	sccDecision   = Source{"Commission Implementing Decision (EU) 2021/914 (standard contractual clauses)", Remembered}
	schrems2      = Source{"CJEU, C-311/18", Remembered}
	audiencePage  = Source{"CNIL, page on audience measurement tools, 4 July 2025", Read}
	audienceTool  = Source{"CNIL, self-assessment of audience measurement, July 2025", Corroborated}
	cookieTable   = Source{"Open Cookie Database and vendors' documentation, as the catalogue cites them", Read}
	gpcSpec       = Source{"W3C, Global Privacy Control", Read}
	consentMode   = Source{"Google, consent mode documentation", Read}
	wcagContrast  = Source{"WCAG 2.2, 1.4.3 and 1.4.11", Remembered}
	rgaaContrast  = Source{"DINUM, RGAA 4.1, criteria 3.2 and 3.3", Read}
	loggingAdvice = Source{"CNIL, recommendation on logging", Corroborated}
)
