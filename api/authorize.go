package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"

	"ais/object"
)

// payloadUnsigned is said of bodies that are too large to be read twice.
const payloadUnsigned = "UNSIGNED-PAYLOAD"

// maxSignedBody is the longest body whose digest is signed with a call.
const maxSignedBody = 1 << 20

// authorized returns the call with the header fields that say who makes it, for
// the URL it goes to first. A redirect carries a ticket bound to these same
// fields, so they are not made anew for it.
func (c *Client) authorized(ctx context.Context, r call, at string) (call, error) {
	if c.authorize == nil {
		return r, nil
	}
	payload, err := r.digest()
	if err != nil {
		return r, err
	}
	req, err := http.NewRequestWithContext(ctx, r.method, at, nil)
	if err != nil {
		return r, object.E("api.Client", at, object.Invalid, err)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if err := c.authorize(req, payload); err != nil {
		return r, err
	}
	r.header = req.Header
	return r, nil
}

// digest returns the SHA-256 of the body in hexadecimal: "" for none,
// payloadUnsigned for one that is long or can be read only once.
func (r *call) digest() (string, error) {
	switch {
	case r.body == nil || r.body.size == 0:
		return "", nil
	case r.body.seeker == nil || r.body.size > maxSignedBody:
		return payloadUnsigned, nil
	}
	reader, err := r.body.again()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, reader)
	_ = reader.Close() // never fails
	return hex.EncodeToString(h.Sum(nil)), err
}
