// Package tagtest proves in a real browser what the tag promises to a site that is made
// of files: with pages on one host, the hub that keeps the choices on another, and
// everybody else on hosts of their own, all of them under localhost.
package tagtest
