package object

import "encoding/binary"

// Reversed polynomials of the CRCs that S3 combines.
const (
	polyCRC32     = 0xedb88320
	polyCRC32C    = 0x82f63b78
	polyCRC64NVME = 0x9a6c9329ac4bc9b5
)

// FullSum returns the checksum in algorithm a of the whole object made of parts,
// computed from the parts' own checksums without their bytes. ok is false where
// a part lacks one, or a is no CRC: other digests cannot be combined.
func FullSum(a Algorithm, parts []Part) (c Checksum, ok bool) {
	var ring crcRing
	switch a {
	case CRC32:
		ring = crcRing{polyCRC32, 32}
	case CRC32C:
		ring = crcRing{polyCRC32C, 32}
	case CRC64NVME:
		ring = crcRing{polyCRC64NVME, 64}
	default:
		return Checksum{}, false
	}
	var sum, shift uint64
	shiftSize := int64(-1) // of which shift is; most parts have the same size
	for _, p := range parts {
		s, ok := Find(p.Sums, a)
		if !ok || s.Composite || len(s.Value)*8 != ring.bits {
			return Checksum{}, false
		}
		if p.Size != shiftSize {
			shift, shiftSize = ring.shift(p.Size), p.Size
		}
		sum = ring.multiply(shift, sum) ^ bigEndian(s.Value)
	}
	value := binary.BigEndian.AppendUint64(nil, sum)
	return Checksum{Algorithm: a, Value: value[8-ring.bits/8:]}, true
}

func bigEndian(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// crcRing is the polynomials over GF(2) modulo a CRC's, with coefficients
// reversed: the highest bit is that of x⁰. A CRC of AB is that of A times
// x^(8·|B|), plus that of B, where both begin and end with all bits inverted
// (Adler, zlib's crc32_combine).
type crcRing struct {
	poly uint64
	bits int
}

func (r crcRing) multiply(a, b uint64) (product uint64) {
	for m := uint64(1) << (r.bits - 1); m != 0 && a != 0; m >>= 1 {
		if a&m != 0 {
			product ^= b
			a &^= m
		}
		if b&1 != 0 {
			b = b>>1 ^ r.poly
		} else {
			b >>= 1
		}
	}
	return product
}

// shift returns x^(8·size).
func (r crcRing) shift(size int64) uint64 {
	result := uint64(1) << (r.bits - 1)               // x⁰
	for square := result >> 8; size > 0; size >>= 1 { // x⁸
		if size&1 != 0 {
			result = r.multiply(square, result)
		}
		square = r.multiply(square, square)
	}
	return result
}
