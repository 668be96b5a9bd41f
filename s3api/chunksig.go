package s3api

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// chunkChain verifies the signatures of an aws-chunked body: each chunk's covers
// the one before, and the first that of the request.
type chunkChain struct {
	key      *signingKey
	chunk    []byte // what every string to sign of a chunk begins with
	trailer  []byte // and that of the trailer
	previous [2 * sha256.Size]byte
	toSign   []byte // room for one string to sign
}

// newChunkChain returns the chain of a body; nil where its chunks are not signed.
func newChunkChain(s *v4, key *signingKey) *chunkChain {
	if !strings.HasPrefix(s.payload, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") {
		return nil
	}
	scope := s.timeText + "\n" + s.scopeText + "\n"
	c := &chunkChain{
		key:     key,
		chunk:   []byte(SchemeV4 + "-PAYLOAD\n" + scope),
		trailer: []byte(SchemeV4 + "-TRAILER\n" + scope),
	}
	for i, digit := range s.signature {
		c.previous[i] = lower(digit)
	}
	return c
}

// check is the chain's ChunkCheck.
func (c *chunkChain) check(trailer bool, signature []byte, sum [sha256.Size]byte) error {
	b := c.toSign[:0]
	if trailer {
		b = append(append(append(b, c.trailer...), c.previous[:]...), '\n')
	} else {
		b = append(append(append(b, c.chunk...), c.previous[:]...), "\n"+emptySHA256+"\n"...)
	}
	b = hex.AppendEncode(b, sum[:])
	c.toSign = b
	want := c.key.sign(b)
	var given [sha256.Size]byte
	if n, err := hex.Decode(given[:], signature); err != nil || n != len(given) || !same(given[:], want[:]) {
		if trailer {
			return SignatureDoesNotMatch.Say("The signature of the body's trailer does not match.")
		}
		return SignatureDoesNotMatch.Say("The signature of a chunk of the body does not match.")
	}
	hex.Encode(c.previous[:], want[:])
	return nil
}

// AttachChunks has the chunk signatures of r's body verified as the body is read,
// for a request that was admitted by a ticket: the Authorization header is taken
// as it stands, for the key and for the signature that the chain begins with.
// Without one there is nothing to verify chunks against, and none is.
func (v *Verifier) AttachChunks(r *Request) error {
	authorization := r.peek(hAuthorization)
	if len(authorization) == 0 || !strings.HasPrefix(string(r.peek(hContentSHA256)), "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") {
		return nil
	}
	s, err := parseV4(authorization, []string{"s3"})
	if err != nil {
		return err
	}
	m := messageOf(r)
	defer m.release()
	if err := s.readTime(m); err != nil {
		return err
	}
	s.token, s.payload = string(r.peek(hSecurityToken)), string(r.peek(hContentSHA256))
	key, err := v.keyV4(&s)
	if err != nil {
		return err
	}
	r.VerifyChunks(newChunkChain(&s, key).check)
	return nil
}
