package s3api

import (
	"fmt"
	"io"
	"testing"

	"ais/object"
)

// BenchmarkPut sends 10 MiB over loopback into nothing, with and without the
// digests that a PUT may need.
func BenchmarkPut(b *testing.B) {
	const size = 10 << 20
	data := []byte(payload(size))
	for _, algorithm := range []object.Algorithm{object.NoChecksum, object.XXHash, object.MD5} {
		b.Run(algorithm.String(), func(b *testing.B) {
			n := startNode(b, func(r *Request) error {
				body, err := r.Body()
				if err != nil {
					return err
				}
				body.Want(algorithm)
				_, err = body.WriteTo(io.Discard)
				return err
			}, nil)
			w := n.dial(b)
			head := fmt.Sprintf("PUT /bkt/key HTTP/1.1\r\nHost: n\r\nContent-Length: %d\r\n\r\n", size)
			b.SetBytes(size)
			for b.Loop() {
				w.send(head)
				if _, err := w.Write(data); err != nil {
					b.Fatal(err)
				}
				if a := w.receive("PUT"); a.StatusCode != 200 {
					b.Fatal(a.StatusCode)
				}
			}
		})
	}
}
