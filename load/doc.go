// Package load bounds what a node serves at a time, in requests and in the memory
// of their buffers, and shares it out fairly among clients.
//
// It knows nothing of what is asked for. It promises that no client, whatever it
// sends, takes all there is; that a request waits for its turn for a bounded time
// and is refused before a byte of its body is read; and that what was admitted at
// one node is not kept out at the next by requests that wait for each other: each
// hop has room that earlier hops cannot fill.
package load
