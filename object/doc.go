// Package object is the vocabulary of AIS: what an object is and how it is
// named, described, conditioned, ranged, cut into parts and listed.
//
// Everything here is a plain value or a pure function. Nothing does I/O, reads
// a clock or keeps state, so every decision in this package can be tested with
// a table. The other packages agree with each other by agreeing with this one.
package object
