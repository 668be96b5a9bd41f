// Package daemon is what a node, proxy or target, tells of itself, and what it can
// be told to do with itself: its log, the settings it was started with, its
// counters under AIStore's names, the call that ends it.
//
// It knows nothing of objects and buckets, and asks no other node. What it promises:
// what it keeps is bounded, and neither the log nor the settings hold a secret.
package daemon
