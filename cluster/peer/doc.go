// Package peer is node-to-node HTTP: it relays a client's request to the node
// that owns the object, and calls nodes for control messages.
//
// A relayed request is passed on byte for byte: the raw request URI, the headers
// in their order, the undecoded body. Bodies are streamed, never held: a large
// answer is spliced from socket to socket by the kernel, an upload goes through
// one pooled buffer. What ends early on one side ends early on the other: a body
// that was cut never arrives as a complete one.
//
// The package knows nothing of S3: what it relays was authorised and routed by
// its caller.
package peer
