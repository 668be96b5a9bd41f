package object

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// cut makes parts with sums of random pieces of data.
func cut(r *rand.Rand, data []byte, sums ...Algorithm) []Part {
	var parts []Part
	for len(data) > 0 || len(parts) == 0 {
		n := r.IntN(len(data) + 1)
		if r.IntN(3) == 0 {
			n = len(data)
		}
		p := Part{Number: len(parts) + 1, Size: int64(n)}
		for _, a := range sums {
			p.Sums = append(p.Sums, Sum(a, data[:n]))
		}
		parts, data = append(parts, p), data[n:]
	}
	return parts
}

func TestFullSumIsTheSumOfTheWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		data := make([]byte, r.IntN(5000))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		parts := cut(r, data, CRC32, CRC32C, CRC64NVME)
		for _, a := range []Algorithm{CRC32, CRC32C, CRC64NVME} {
			got, ok := FullSum(a, parts)
			if want := Sum(a, data); !ok || got.Composite || got.Algorithm != a || !bytes.Equal(got.Value, want.Value) {
				t.Fatalf("%v of %d bytes in %d parts: %x, want %x", a, len(data), len(parts), got.Value, want.Value)
			}
		}
	}
}

func TestFullSumRefused(t *testing.T) {
	parts := []Part{{Number: 1, Size: 1, Sums: []Checksum{Sum(CRC32, []byte("a")), Sum(SHA1, []byte("a"))}}}
	for _, a := range []Algorithm{SHA1, SHA256, MD5, XXHash, NoChecksum, CRC32C} {
		if c, ok := FullSum(a, parts); ok {
			t.Errorf("%v: %v", a, c)
		}
	}
	parts[0].Sums[0].Value = []byte{1}
	if _, ok := FullSum(CRC32, parts); ok {
		t.Error("a checksum of one byte")
	}
	parts[0].Sums[0] = Checksum{Algorithm: CRC32, Composite: true, Value: make([]byte, 4)}
	if _, ok := FullSum(CRC32, parts); ok {
		t.Error("a composite checksum")
	}
}

func BenchmarkFullSum(b *testing.B) {
	parts := make([]Part, 10_000)
	sum := Sum(CRC64NVME, []byte("x"))
	for i := range parts {
		parts[i] = Part{Number: i + 1, Size: 5 << 20, Sums: []Checksum{sum}}
	}
	for b.Loop() {
		FullSum(CRC64NVME, parts)
	}
}
