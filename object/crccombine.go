package object

import "encoding/binary"

// crc is a cyclic redundancy check of up to 64 bits whose polynomial is given
// without its highest term and reflected: the bit of weight 1 stands for the
// highest power. All of S3's have an initial value and a final inversion of all
// ones, which cancel out when two are combined.
type crc struct {
	width int
	poly  uint64
}

// crcOf returns the parameters of a; ok is false where a is no CRC.
func crcOf(a Algorithm) (c crc, ok bool) {
	switch a {
	case CRC32: // ISO 3309
		return crc{32, 0xedb88320}, true
	case CRC32C: // RFC 3720, appendix B.4
		return crc{32, 0x82f63b78}, true
	case CRC64NVME: // NVM Command Set Specification, "64b CRC Definition"
		return crc{64, 0x9a6c9329ac4bc9b5}, true
	}
	return crc{}, false
}

// times returns the product of two polynomials modulo the CRC's.
func (c crc) times(a, b uint64) uint64 {
	var product uint64
	for bit := uint64(1) << (c.width - 1); bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ c.poly
		} else {
			b >>= 1
		}
	}
	return product
}

// shift returns the sum of what sum digests followed by n zero bytes, leaving
// the initial and final inversions out of account.
func (c crc) shift(sum uint64, n int64) uint64 {
	power := uint64(1) << (c.width - 1 - 1) // x
	for range 3 {
		power = c.times(power, power) // x to the 8: one byte
	}
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			sum = c.times(sum, power)
		}
		power = c.times(power, power)
	}
	return sum
}

// FullSum returns the checksum in algorithm a of the concatenation of parts,
// computed from their checksums and sizes alone (S3's checksum type FULL_OBJECT).
// ok is false where a is no CRC or a part lacks the checksum.
func FullSum(a Algorithm, parts []Part) (c Checksum, ok bool) {
	check, ok := crcOf(a)
	if !ok || len(parts) == 0 {
		return Checksum{}, false
	}
	var whole uint64
	for _, p := range parts {
		s, ok := Find(p.Sums, a)
		if !ok || len(s.Value)*8 != check.width {
			return Checksum{}, false
		}
		var raw [8]byte
		copy(raw[8-len(s.Value):], s.Value)
		whole = check.shift(whole, p.Size) ^ binary.BigEndian.Uint64(raw[:])
	}
	value := binary.BigEndian.AppendUint64(nil, whole)
	return Checksum{Algorithm: a, Value: value[8-check.width/8:]}, true
}
