package api

import "encoding/binary"

// AppendMsgpack appends a page in AIStore's msgpack form: a map of UUID,
// ContinuationToken, Entries and Flags, with one-letter keys in the entries and
// empty fields left out.
func AppendMsgpack(b []byte, r ListResult) []byte {
	b = append(b, 0x84)
	b = appendPair(b, "UUID", r.UUID)
	b = appendPair(b, "ContinuationToken", r.ContinuationToken)
	b = appendString(b, "Entries")
	b = appendArrayHeader(b, len(r.Entries))
	for i := range r.Entries {
		b = appendEntry(b, &r.Entries[i])
	}
	b = appendString(b, "Flags")
	return appendInt(b, int64(r.Flags))
}

func appendEntry(b []byte, e *Entry) []byte {
	at := len(b)
	b = append(b, 0x80) // the count of pairs is put in at the end; at most 9
	pairs := byte(1)
	b = appendPair(b, "n", e.Name)
	for _, f := range [...]struct{ key, value string }{{"cs", e.Checksum}, {"a", e.Atime}, {"v", e.Version}, {"t", e.Location}, {"m", e.Custom}} {
		if f.value != "" {
			b = appendPair(b, f.key, f.value)
			pairs++
		}
	}
	for _, f := range [...]struct {
		key   string
		value int64
	}{{"s", e.Size}, {"c", int64(e.Copies)}, {"f", int64(e.Flags)}} {
		if f.value != 0 {
			b = appendInt(appendString(b, f.key), f.value)
			pairs++
		}
	}
	b[at] |= pairs
	return b
}

func appendPair(b []byte, key, value string) []byte {
	return appendString(appendString(b, key), value)
}

func appendString(b []byte, s string) []byte {
	switch n := len(s); {
	case n < 32:
		b = append(b, 0xa0|byte(n))
	case n < 1<<8:
		b = append(b, 0xd9, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0xda), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, 0xdb), uint32(n))
	}
	return append(b, s...)
}

func appendArrayHeader(b []byte, n int) []byte {
	switch {
	case n < 16:
		return append(b, 0x90|byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 0xdc), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, 0xdd), uint32(n))
}

func appendInt(b []byte, n int64) []byte {
	switch {
	case n >= 0 && n < 1<<7:
		return append(b, byte(n))
	case n >= 0 && n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(n))
}
