package api

import (
	"encoding/hex"
	"errors"
	"io"
	"strconv"

	"ais/object"
)

// parseChecksum reads the two checksum headers; ok is false where there is none.
func parseChecksum(kind, value string) (c object.Checksum, ok bool, err error) {
	if kind == "" || value == "" || kind == object.NoChecksum.String() {
		return object.Checksum{}, false, nil
	}
	if c.Algorithm, err = object.ParseAlgorithm(kind); err != nil {
		return object.Checksum{}, false, err
	}
	if c.Value, err = hex.DecodeString(value); err != nil || len(c.Value) != c.Algorithm.New().Size() {
		return object.Checksum{}, false, object.E("api.parseChecksum", kind, object.Invalid, errors.New("the value of "+HeaderChecksum+" is not a hexadecimal "+kind))
	}
	return c, true, nil
}

// limitedReader reads up to left bytes and fails where there are more.
type limitedReader struct {
	r    io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, object.E("api.Read", "", object.TooLarge, errors.New("the message is too long"))
	}
	return n, err
}

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }
