// Package history records what clients of an object store asked and were told,
// and decides whether a store that keeps its promises could have answered so.
//
// The promise is linearizability of every key: each operation, and each key's line
// in each page of a listing, takes effect at one moment between its start and its
// end. An operation whose outcome the client never learned takes effect at any
// moment after its start, or never, but at most once.
//
// The package does no requests and knows no cluster: who fills a History is its
// caller. It is for tests alone.
package history
