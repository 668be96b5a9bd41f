package peer

import (
	"math"
	"time"

	"ais/object"
)

// decoder takes values off an encoded text. After a fault all that it returns is
// zero, so that callers need to look at bad only once. Strings share the text's memory.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) fail() { d.rest, d.bad = "", true }

func (d *decoder) byte() byte {
	if d.rest == "" {
		d.fail()
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) uint() uint64 {
	var n uint64
	for i := 0; i < len(d.rest) && i < 10; i++ {
		b := d.rest[i]
		if i == 9 && b > 1 {
			break
		}
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.rest = d.rest[i+1:]
			return n
		}
	}
	d.fail()
	return 0
}

func (d *decoder) int() int64 {
	n := d.uint()
	return int64(n>>1) ^ -int64(n&1)
}

// count reads the number of items that follow, each of which has so many bytes
// at least: a false number never allocates more than the text pays for.
func (d *decoder) count(least int) int {
	n := d.uint()
	if n > uint64(len(d.rest)/least) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) string() string {
	n := d.count(1)
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) strings() []string {
	n := d.count(1)
	if n == 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = d.string()
	}
	return out
}

func (d *decoder) time() time.Time {
	seconds, nanos := d.int(), d.uint()
	if nanos >= 1e9 {
		d.fail()
	}
	if d.bad {
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanos)).UTC()
}

func (d *decoder) stringMap() map[string]string {
	n := d.count(2)
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		k := d.string()
		m[k] = d.string()
	}
	return m
}

func (d *decoder) checksum() object.Checksum {
	c := object.Checksum{Algorithm: object.Algorithm(d.byte()), Composite: d.byte() != 0}
	if value := d.string(); value != "" {
		c.Value = []byte(value)
	}
	return c
}

func (d *decoder) sums() []object.Checksum {
	n := d.count(3)
	if n == 0 {
		return nil
	}
	sums := make([]object.Checksum, n)
	for i := range sums {
		sums[i] = d.checksum()
	}
	return sums
}

func (d *decoder) parts() []object.Part {
	n := d.count(9)
	if n == 0 {
		return nil
	}
	parts := make([]object.Part, n)
	for i := range parts {
		p := &parts[i]
		number := d.uint()
		if number > math.MaxInt32 {
			d.fail()
		}
		p.Number, p.Size, p.ETag, p.Modified = int(number), d.int(), d.string(), d.time()
		p.Checksum, p.Sums = d.checksum(), d.sums()
	}
	return parts
}
