// Package hydration proves that applications of real frameworks, Next.js and Nuxt, take
// over pages into which the notice was put and in which things are held, and notice
// nothing of it. The applications are in testdata; "make hydration" installs and builds
// them and runs the tests, which are skipped otherwise.
package hydration
