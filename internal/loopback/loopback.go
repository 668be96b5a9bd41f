// Package loopback gives tests addresses of this machine to serve on, where a server
// can only be told an address and not be handed a listener, or has to have the same one
// after a restart.
//
// A port that was free a moment ago may be another process's by now: of 127.0.0.1 every
// outgoing connection takes one. So each address is of another host of 127.0.0.0/8,
// all of which are this machine on Linux, and none of which anybody else uses.
package loopback

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Addr returns an address, "127.1.2.3:4567", that nobody listens on.
func Addr(t testing.TB) string {
	t.Helper()
	host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return addr
}

// URL returns an address as "http://127.1.2.3:4567".
func URL(t testing.TB) string {
	t.Helper()
	return "http://" + Addr(t)
}
