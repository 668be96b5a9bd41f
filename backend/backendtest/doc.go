// Package backendtest says what every backend.Backend promises, as tests (Run), has
// one in memory to test with what is built on it (Mem), and a proxy that makes the
// way to a real one as bad as it can be (Faulty).
package backendtest
