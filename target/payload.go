package target

import (
	"errors"
	"hash"
	"io"

	"ais/object"
)

// stream is a Payload from a plain reader: another object, or a native request's
// body.
type stream struct {
	from   io.Reader
	size   int64 // −1 where it is not known, so that from's end is the payload's
	read   int64
	hashes []hashed
	expect []object.Checksum // to be verified at the end
	keep   []object.Algorithm
}

type hashed struct {
	algorithm object.Algorithm
	hash      hash.Hash
}

// newStream returns a payload of size bytes of from, or of all where size is −1. The checksums in expect are
// verified; those of the algorithms in keep are computed and given by Sums.
func newStream(from io.Reader, size int64, expect []object.Checksum, keep ...object.Algorithm) *stream {
	s := &stream{from: from, size: size, expect: expect, keep: keep}
	for _, c := range expect {
		s.Want(c.Algorithm)
	}
	for _, a := range keep {
		s.Want(a)
	}
	return s
}

func (s *stream) Size() int64 { return s.size }

func (s *stream) Want(a object.Algorithm) {
	for _, h := range s.hashes {
		if h.algorithm == a {
			return
		}
	}
	if h := a.New(); h != nil {
		s.hashes = append(s.hashes, hashed{a, h})
	}
}

func (s *stream) Sum(a object.Algorithm) object.Checksum {
	for _, h := range s.hashes {
		if h.algorithm == a {
			return object.Checksum{Algorithm: a, Value: h.hash.Sum(nil)}
		}
	}
	return object.Checksum{}
}

func (s *stream) Sums() []object.Checksum {
	var sums []object.Checksum
	for _, a := range s.keep {
		sums = append(sums, s.Sum(a))
	}
	return sums
}

// Read implements io.Reader. An end before size bytes is Incomplete, where size is
// not known more than one write may have TooLarge; a digest other than the expected
// one is BadDigest.
func (s *stream) Read(p []byte) (int, error) {
	if s.size < 0 {
		return s.readOpen(p)
	}
	if left := s.size - s.read; int64(len(p)) > left {
		if left == 0 {
			return 0, s.finish()
		}
		p = p[:left]
	}
	n, err := s.from.Read(p)
	s.read += int64(n)
	for _, h := range s.hashes {
		h.hash.Write(p[:n])
	}
	if errors.Is(err, io.EOF) && s.read < s.size {
		return n, object.E("target.receive", "", object.Incomplete, io.ErrUnexpectedEOF)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, err
	}
	return n, nil
}

// readOpen is Read where the size is not known.
func (s *stream) readOpen(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.read += int64(n)
	for _, h := range s.hashes {
		h.hash.Write(p[:n])
	}
	switch {
	case s.read > object.MaxPutSize:
		return n, object.E("target.receive", "", object.TooLarge, nil)
	case err == io.EOF && n == 0:
		return 0, s.finish()
	case err == io.EOF:
		return n, nil // it will be said again
	}
	return n, err
}

func (s *stream) finish() error {
	for _, want := range s.expect {
		if got := s.Sum(want.Algorithm); string(got.Value) != string(want.Value) {
			return object.E("target.receive", want.Algorithm.String(), object.BadDigest, nil)
		}
	}
	return io.EOF
}
