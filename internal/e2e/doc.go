// Package e2e starts clusters of real processes and drives them with real
// clients. Its tests are the promises of the product, seen from outside: the
// clients people have, bad input, and faults that are really caused.
//
// The tests run where AIS_E2E is set (make e2e, make test); AIS_E2E=long has
// full sizes, more seeds and more rounds (make test-long). Programs are
// built with the race detector but for tests that measure, and every test fails
// if a node it used logged a race or a panic. Tests that only use clients run in
// parallel, after those that kill and measure.
package e2e
