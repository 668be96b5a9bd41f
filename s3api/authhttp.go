package s3api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"

	"github.com/valyala/fasthttp"
)

// MaxSignedBody bounds a body that AuthenticateHTTP has to read.
const MaxSignedBody = 1 << 20

// AuthenticateHTTP is Authenticate for a request that is not of the S3 protocol,
// signed with Signature Version 4 for one of the services. A body with a signed
// digest, or without x-amz-content-sha256, is read whole and verified;
// ctx.Request.Body has it then. It may have MaxSignedBody bytes; a larger one is
// to be sent with UNSIGNED-PAYLOAD.
func (v *Verifier) AuthenticateHTTP(ctx *fasthttp.RequestCtx, services ...string) (Signed, error) {
	m := messages.Get().(*message)
	defer m.release()
	h := &ctx.Request.Header
	m.path, m.query, m.host = splitURI(h.RequestURI(), h.Host())
	m.method, m.header = h.Method(), h
	m.body = func() ([]byte, error) { return wholeBody(ctx) }
	m.readFields()
	how, err := presentedBy(m)
	if err != nil {
		return Signed{}, err
	}
	payload, _ := m.value(hContentSHA256)
	if how == headerV4 && strings.HasPrefix(string(payload), "STREAMING-") {
		return Signed{}, NotImplemented.With("Header", hContentSHA256)
	}
	if how == headerV2 || how == queryV2 {
		return Signed{}, errScheme
	}
	signed, _, err := v.verify(m, services...)
	if err != nil || how == nothing || len(payload) == 0 || string(payload) == UnsignedPayload {
		return signed, err
	}
	return signed, checkWholeBody(ctx, payload)
}

// checkWholeBody compares a body with the digest that was signed.
func checkWholeBody(ctx *fasthttp.RequestCtx, payload []byte) error {
	want, err := hex.DecodeString(string(payload))
	if err != nil || len(want) != sha256.Size {
		return Argument("x-amz-content-sha256", string(payload), "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid sha256 value.")
	}
	body, err := wholeBody(ctx)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], want) {
		return SHA256Mismatch.With("ClientComputedContentSHA256", string(payload)).With("S3ComputedContentSHA256", hex.EncodeToString(sum[:]))
	}
	return nil
}

// wholeBody reads the body of ctx and leaves it there.
func wholeBody(ctx *fasthttp.RequestCtx) ([]byte, error) {
	stream := ctx.RequestBodyStream()
	if stream == nil {
		return ctx.Request.Body(), nil
	}
	length := ctx.Request.Header.ContentLength()
	if length > MaxSignedBody {
		return nil, errLargeSigned
	}
	body, err := io.ReadAll(io.LimitReader(stream, MaxSignedBody+1))
	if err != nil {
		return nil, connError(err)
	}
	if len(body) > MaxSignedBody {
		return nil, errLargeSigned
	}
	if length >= 0 && len(body) != length {
		return nil, IncompleteBody
	}
	ctx.Request.SetBody(body)
	return ctx.Request.Body(), nil
}

var errLargeSigned = EntityTooLarge.Say("A body of more than 1 MiB is to be sent with x-amz-content-sha256: UNSIGNED-PAYLOAD").
	With("MaxSizeAllowed", itoa(MaxSignedBody))
