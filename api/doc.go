// Package api is the native REST API under /v1: its paths, queries, headers and
// JSON messages, helpers with which a server reads and writes them, and a Go
// client.
//
// The wire form is AIStore's, so that its clients work unmodified; what AIStore
// has and AIS does not is answered with 501. The package knows no storage: it
// turns values of packages object and cluster into messages and back. Endpoints
// lists what a server of it answers.
package api
