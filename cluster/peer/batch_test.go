package peer

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// counted counts the writes that reach the connection.
type counted struct {
	net.Conn
	writes atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// batched returns both ends of a TLS connection, of which the first one's large
// writes are batched.
func batched(t *testing.T) (*securedConn, *counted, *tls.Conn) {
	t.Helper()
	plain := &counted{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if plain.Conn, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	other, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server, client := certificates(t)
	client.ServerName = "example.com" // a name of httptest's certificate
	batch := NewBatch(plain)
	here := &securedConn{tls.Client(batch, client), batch}
	there := tls.Server(other, server)
	t.Cleanup(func() { plain.Close(); other.Close() })
	done := make(chan error, 1)
	go func() { done <- there.Handshake() }()
	if err := errors.Join(here.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	return here, plain, there
}

func TestBatch(t *testing.T) {
	here, plain, there := batched(t)
	sizes := []int{1, 16 << 10, 300 << 10, 5, 16<<10 + 1, 1 << 20, 0, 100}
	got := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(there)
		got <- all
	}()
	var want []byte
	for i, size := range sizes {
		piece := bytes.Repeat([]byte{byte('a' + i)}, size)
		before := plain.writes.Load()
		if n, err := here.Write(piece); n != size || err != nil {
			t.Fatal(n, err)
		}
		if i == 5 && plain.writes.Load()-before > 1<<20/(48<<10)+1 {
			t.Errorf("%d writes of 1 MiB", plain.writes.Load()-before)
		}
		want = append(want, piece...)
	}
	if here.batch.buf != nil {
		t.Error("something is held back")
	}
	here.Close()
	if all := <-got; !bytes.Equal(all, want) {
		t.Errorf("%d bytes of %d", len(all), len(want))
	}
}

// TestBatchFails checks that nothing goes out after a batch that did not.
func TestBatchFails(t *testing.T) {
	here, plain, _ := batched(t)
	if err := here.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := here.Write(make([]byte, 64<<20)); err == nil {
		t.Fatal("nobody reads, and all was written")
	}
	if err := here.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	before := plain.writes.Load()
	if _, err := here.Write([]byte("more")); err == nil || plain.writes.Load() != before {
		t.Error("more was written:", err)
	}
}
