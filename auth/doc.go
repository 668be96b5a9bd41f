// Package auth decides who may do what. Nothing here does I/O or reads a
// clock.
//
// Decide is the decision, of an Access: who asks (Identity), for which action on
// what, under which rules (BucketRules with their Policy and ACL, ObjectRules).
// Its words are S3's; docs/permissions.md tells how they work together.
//
// A proxy that has decided about a request tells the target so with a ticket
// (Sign, Verify), which is bound to that very request.
package auth
