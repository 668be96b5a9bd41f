// Package fs keeps objects durably on this node's mountpaths.
//
// A mountpath is one disk's directory. It holds an index (Pebble) that says
// what exists, and immutable payload files, named by a random id, that the index
// refers to. A name belongs to one mountpath, chosen by rendezvous hashing.
// Writer.Commit puts the payload on disk first and then makes it visible with
// one atomic index write, so a crash leaves the old object or the new one.
//
// The package knows neither HTTP nor buckets' properties nor other nodes.
// docs/format.md describes the bytes on disk and the order of writes.
package fs
