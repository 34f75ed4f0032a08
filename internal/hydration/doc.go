// Package hydration proves that applications of real frameworks, Next.js (with the accounts
// of NextAuth) and Nuxt, work behind the gate as they are: they take over pages into which
// the notice was put and in which things are held, go from page to page, sign in and pay,
// and notice nothing of it. The applications are in testdata, and nothing in them was written
// for the gate; "make hydration" installs and builds them and runs the tests, which are
// skipped otherwise.
package hydration
