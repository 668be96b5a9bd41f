// Package auth decides who may do what. Nothing here does I/O or reads a
// clock.
//
// A proxy that has decided about a request tells the target so with a ticket
// (Sign, Verify), which is bound to that very request.
package auth
