package object

import (
	"math/rand/v2"
	"testing"
)

func TestFullSum(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, a := range []Algorithm{CRC32, CRC32C, CRC64NVME} {
		for _, sizes := range [][]int{{0}, {1}, {5}, {0, 0}, {1, 1}, {3, 0, 4}, {1 << 20, 12345, 1}, {7, 1 << 16, 1<<16 + 1, 9, 8}} {
			var whole []byte
			var parts []Part
			for i, size := range sizes {
				data := make([]byte, size)
				for j := range data {
					data[j] = byte(random.Uint32())
				}
				whole = append(whole, data...)
				parts = append(parts, Part{Number: i + 1, Size: int64(size), Sums: []Checksum{Sum(a, data)}})
			}
			got, ok := FullSum(a, parts)
			if want := Sum(a, whole); !ok || got.Hex() != want.Hex() || got.Composite {
				t.Errorf("%v of parts %v: %s (%v), want %s", a, sizes, got.Hex(), ok, want.Hex())
			}
		}
	}
}

func TestFullSumRefuses(t *testing.T) {
	data := []byte("data")
	for name, parts := range map[string][]Part{
		"no parts":             nil,
		"a part without a sum": {{Size: 4, Sums: []Checksum{Sum(CRC32, data)}}, {Size: 4}},
		"sums of another kind": {{Size: 4, Sums: []Checksum{Sum(CRC32C, data)}}},
	} {
		if c, ok := FullSum(CRC32, parts); ok {
			t.Errorf("%s: %v", name, c)
		}
	}
	if _, ok := FullSum(SHA256, []Part{{Size: 4, Sums: []Checksum{Sum(SHA256, data)}}}); ok {
		t.Error("a SHA-256 was combined")
	}
}
