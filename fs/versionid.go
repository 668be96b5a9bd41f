package fs

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"strings"
)

// A version id, as S3 shows it, is the version's counter and 8 random bytes, in
// hexadecimal. So it leads to its record without a search, is never given twice,
// and can be guessed no better than an upload's.

const versionIDBytes = 16

// newVersionID draws an id for the version with that counter.
func newVersionID(random io.Reader, counter uint64) (string, error) {
	var raw [versionIDBytes]byte
	binary.BigEndian.PutUint64(raw[:], counter)
	if _, err := io.ReadFull(random, raw[8:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(raw[:]), nil
}

// versionCounter returns the counter in a version id; ok is false for what
// newVersionID never makes.
func versionCounter(id string) (counter uint64, ok bool) {
	var raw [versionIDBytes]byte
	if len(id) != 2*len(raw) || strings.ToLower(id) != id {
		return 0, false
	}
	if _, err := hex.Decode(raw[:], []byte(id)); err != nil {
		return 0, false
	}
	return binary.BigEndian.Uint64(raw[:]), true
}

// appendVersionID writes an id that newVersionID made.
func appendVersionID(dst []byte, id string) []byte {
	var raw [versionIDBytes]byte
	_, _ = hex.Decode(raw[:], []byte(id))
	return append(dst, raw[:]...)
}

func (d *decoder) versionID() string {
	return hex.EncodeToString([]byte(d.take(versionIDBytes)))
}
