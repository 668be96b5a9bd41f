package s3api

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// scope is what a signing key of Signature Version 4 is made for.
type scope struct{ accessKey, date, region, service string }

// signingKey is the key of a scope, ready for use. It is safe for concurrent use.
type signingKey struct {
	secret string    // that it was derived from
	macs   sync.Pool // of *keyedMAC
}

// keyedMAC is an HMAC with its key, and room for what it computes.
type keyedMAC struct {
	hash.Hash
	sum [sha256.Size]byte
}

// newSigningKey derives the key of a scope: four HMACs.
func newSigningKey(secret string, s scope) *signingKey {
	mac := func(key []byte, message string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(message))
		return h.Sum(nil)
	}
	key := mac([]byte("AWS4"+secret), s.date)
	key = mac(mac(mac(key, s.region), s.service), "aws4_request")
	k := &signingKey{secret: secret}
	k.macs.New = func() any { return &keyedMAC{Hash: hmac.New(sha256.New, key)} }
	return k
}

// sign returns the HMAC-SHA256 of message.
func (k *signingKey) sign(message []byte) [sha256.Size]byte {
	h := k.macs.Get().(*keyedMAC)
	h.Reset()
	h.Write(message)
	h.Sum(h.sum[:0])
	sum := h.sum
	k.macs.Put(h)
	return sum
}

// keyGeneration is how many keys one of the two generations of a keyCache holds.
const keyGeneration = 1024

// keyCache keeps the signing keys that were used last: those of the current
// generation and of the one before, which goes when the current one is full. A
// key that is found in the older one moves to the current.
type keyCache struct {
	mu              sync.Mutex // guards what follows
	current, before map[scope]*signingKey
}

// key returns the key of a scope under a secret, derived if it is not at hand or
// the secret was another one then.
func (c *keyCache) key(secret string, s scope) *signingKey {
	c.mu.Lock()
	k := c.current[s]
	if k == nil || k.secret != secret {
		if k = c.before[s]; k != nil && k.secret == secret {
			c.add(s, k)
		}
	}
	c.mu.Unlock()
	if k != nil && k.secret == secret {
		return k
	}
	k = newSigningKey(secret, s)
	c.mu.Lock()
	c.add(s, k)
	c.mu.Unlock()
	return k
}

// add puts a key into the current generation; c.mu is held.
func (c *keyCache) add(s scope, k *signingKey) {
	if c.current == nil || len(c.current) >= keyGeneration {
		c.before, c.current = c.current, make(map[scope]*signingKey)
	}
	c.current[s] = k
}
