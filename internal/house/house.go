// Package house holds the plan of the project's packages, and the test that the
// code keeps to it: a package imports only from floors below its own.
//
// Floor 0 knows nothing of the others; each floor knows those below it. The
// picture for readers is in docs/architecture.md.
package house

// Floors lists the packages of each floor, from the ground up, relative to the
// module. The root package is ".".
var Floors = [][]string{
	0:  {"internal/durable", "internal/lang", "internal/early", "internal/standin", "examples"},
	1:  {"policy", "internal/ledger", "internal/markup", "examples/internal/kit"},
	2:  {"internal/anchor", "internal/keyring", "internal/wording", "consent"},
	3:  {"internal/cookies", "internal/document", "internal/notice", "internal/register", "internal/register/verifier", "internal/seal"},
	4:  {"gate", "internal/check"},
	5:  {"internal/store"},
	6:  {"internal/app"},
	7:  {".", "internal/server"},
	8:  {"examples/pix2clip", "examples/platform", "examples/cexro"},
	9:  {"internal/demo"},
	10: {"internal/cli"},
	11: {"cmd/temoin"},
}

// Beside are packages that belong to no floor: tools of the repository, which
// nothing imports.
var Beside = []string{"internal/house", "internal/anchortest", "internal/archivetest", "internal/browsertest", "internal/firefoxtest", "internal/gatetest", "internal/hydration", "internal/markup/pages", "internal/notice/basetest", "internal/notice/guardtest", "internal/notice/noticetest", "internal/notice/tagtest", "internal/storetest", "internal/sitetest", "internal/statements", "internal/torture", "bench"}
