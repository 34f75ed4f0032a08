// Package firefoxtest proves in a real Firefox what a visitor does most: see the notice,
// refuse or accept, with JavaScript and without. "make firefox" runs it; without
// TEMOIN_FIREFOX it is skipped.
package firefoxtest
