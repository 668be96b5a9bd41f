// Package e2e starts clusters of real processes and drives them with real
// clients. Its tests are the promises of the product, seen from outside: the
// clients people have, bad input, and faults that are really caused.
//
// The tests run where AIS_E2E is set (make e2e, make test); AIS_E2E=long adds
// whole source trees, more seeds and more rounds (make test-long). Programs are
// built with the race detector but for tests that measure, and every test fails
// if a node it used logged a race or a panic.
package e2e
