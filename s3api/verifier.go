package s3api

import (
	"crypto/subtle"
	"encoding/hex"
	"log/slog"
	"strings"
	"time"

	"ais/auth"
	"ais/object"
)

// VerifierConfig is what a Verifier needs to know.
type VerifierConfig struct {
	// Secrets returns the secret of an access key, as it is used with a session
	// token ("" for none). An unknown key is InvalidAccessKeyID or object.NotFound,
	// a wrong token InvalidToken, one that has expired ExpiredToken.
	Secrets func(accessKey, token string) (secret string, err error)
	Now     func() time.Time // nil is time.Now
	Skew    time.Duration    // that a client's clock may be wrong; 0 is DefaultSkew
	Domains []string         // as in Config
	// PublicHosts are further host[:port] that a client may have signed for,
	// where something in front of the node changes the Host header.
	PublicHosts []string
	Logger      *slog.Logger // gets what was signed, on a mismatch, at debug level; nil is slog.Default
}

// DefaultSkew is how wrong a client's clock may be in S3.
const DefaultSkew = 15 * time.Minute

// The signature schemes, as Signed names them.
const (
	SchemeV4 = "AWS4-HMAC-SHA256"
	SchemeV2 = "AWS"
)

// The places where a signature comes in, by the names of s3:authType.
const (
	InHeader = "REST-HEADER"
	InQuery  = "REST-QUERY-STRING"
	InForm   = "POST"
)

// Signed says who signed a request, and how. The zero value is a request without
// credentials.
type Signed struct {
	AccessKey string    // "" for a request without credentials
	Token     string    // session token; checked by Secrets
	Region    string    // of the credential's scope; any is accepted; "" for V2
	Service   string    // of the credential's scope; "" for V2
	Scheme    string    // SchemeV4, SchemeV2 or "" for a request without credentials
	Method    string    // InHeader, InQuery or InForm; "" likewise
	Time      time.Time // when it was signed; zero for V2 in a query
}

// Verifier verifies signatures. It is safe for concurrent use.
type Verifier struct {
	config VerifierConfig
	keys   keyCache
}

// NewVerifier returns a Verifier.
func NewVerifier(c VerifierConfig) *Verifier {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Skew == 0 {
		c.Skew = DefaultSkew
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Verifier{config: c}
}

// Authenticate verifies the signature of r, in its headers or its query, and has
// the chunk signatures of its body verified as the body is read. A request
// without credentials is no error: it is the zero Signed. Call it before Body.
func (v *Verifier) Authenticate(r *Request) (Signed, error) {
	m := messageOf(r)
	defer m.release()
	signed, chain, err := v.verify(m, "s3")
	if err != nil {
		return Signed{}, err
	}
	if chain != nil {
		r.VerifyChunks(chain.check)
	}
	return signed, nil
}

// The ways in which credentials come with a request.
type presented uint8

const (
	nothing presented = iota
	headerV4
	headerV2
	queryV4
	queryV2
	unknownScheme
)

// presentedBy says which credentials a request carries; more than one way is an
// error.
func presentedBy(m *message) (presented, error) {
	inQuery := nothing
	for name := range eachParam(m.query) {
		switch string(name) {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature":
			inQuery = queryV4
		case "AWSAccessKeyId", "Signature":
			if inQuery == nothing {
				inQuery = queryV2
			}
		}
	}
	authorization := m.header.PeekCanonical([]byte(hAuthorization))
	if len(authorization) == 0 {
		return inQuery, nil
	}
	if inQuery != nothing {
		return nothing, Argument(hAuthorization, string(authorization), "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified")
	}
	scheme, _, _ := strings.Cut(string(authorization), " ")
	switch scheme {
	case SchemeV4:
		return headerV4, nil
	case SchemeV2:
		return headerV2, nil
	}
	return unknownScheme, nil
}

// verify verifies the signature of m. The chain is of the chunk signatures of its
// body, nil where it has none.
func (v *Verifier) verify(m *message, services ...string) (Signed, *chunkChain, error) {
	how, err := presentedBy(m)
	if err != nil {
		return Signed{}, nil, err
	}
	switch how {
	case headerV4:
		return v.verifyHeaderV4(m, services)
	case queryV4:
		signed, err := v.verifyQueryV4(m, services)
		return signed, nil, err
	case headerV2:
		signed, err := v.verifyHeaderV2(m)
		return signed, nil, err
	case queryV2:
		signed, err := v.verifyQueryV2(m)
		return signed, nil, err
	case unknownScheme:
		return Signed{}, nil, errScheme
	}
	return Signed{}, nil, nil
}

var errScheme = InvalidArgument.Say("Unsupported Authorization Type").With("ArgumentName", hAuthorization)

// secret returns the secret of an access key, with S3's errors.
func (v *Verifier) secret(accessKey, token string) (string, error) {
	secret, err := v.config.Secrets(accessKey, token)
	if object.KindOf(err) == object.NotFound {
		err = InvalidAccessKeyID.With("AWSAccessKeyId", accessKey)
	}
	return secret, err
}

// checkClock compares the time at which a request was signed with ours.
func (v *Verifier) checkClock(signed time.Time) error {
	now := v.config.Now()
	if d := now.Sub(signed); d <= v.config.Skew && d >= -v.config.Skew {
		return nil
	}
	return RequestTimeTooSkewed.
		With("RequestTime", signed.UTC().Format(time.RFC3339)).
		With("ServerTime", now.UTC().Format(time.RFC3339)).
		With("MaxAllowedSkewMilliseconds", itoa(v.config.Skew.Milliseconds()))
}

// errNoDate is for a request whose time cannot be told.
var errNoDate = AccessDenied.Say("AWS authentication requires a valid Date or x-amz-date header")

// errExpired is for a presigned URL whose time has passed.
func (v *Verifier) errExpired(at time.Time) *Error {
	return AccessDenied.Say("Request has expired").
		With("Expires", at.UTC().Format(time.RFC3339)).
		With("ServerTime", v.config.Now().UTC().Format(time.RFC3339))
}

// mismatch is a signature that is none of those that the request may have. The
// log and the client get what was signed here; the log without session tokens.
func (v *Verifier) mismatch(accessKey, provided string, toSign, canonical []byte) error {
	v.config.Logger.Debug("signature does not match", "access_key", accessKey, "provided", provided,
		"string_to_sign", string(redactToken(toSign)), "canonical_request", string(redactToken(canonical)))
	e := SignatureDoesNotMatch.
		With("AWSAccessKeyId", accessKey).
		With("StringToSign", string(toSign)).
		With("SignatureProvided", provided).
		With("StringToSignBytes", spacedHex(toSign))
	if len(canonical) > 0 {
		e = e.With("CanonicalRequest", string(canonical)).With("CanonicalRequestBytes", spacedHex(canonical))
	}
	return e
}

// redactToken returns text with the value of x-amz-security-token left out, as a
// header line or a query parameter.
func redactToken(text []byte) []byte {
	const name = "x-amz-security-token"
	out := text
	for from := 0; ; {
		i := strings.Index(strings.ToLower(string(out[from:])), name)
		if i < 0 {
			return out
		}
		start := from + i + len(name)
		if start >= len(out) || out[start] != ':' && out[start] != '=' {
			from = start
			continue
		}
		end := start + 1
		for end < len(out) && out[end] != '\n' && out[end] != '&' {
			end++
		}
		out = append(append(append([]byte(nil), out[:start+1]...), "redacted"...), out[end:]...)
		from = start + 1
	}
}

// spacedHex writes bytes as S3 does in SignatureDoesNotMatch: "41 42".
func spacedHex(b []byte) string {
	out := make([]byte, 0, 3*len(b))
	for i := range b {
		if i > 0 {
			out = append(out, ' ')
		}
		out = hex.AppendEncode(out, b[i:i+1])
	}
	return string(out)
}

// same compares two signatures in constant time.
func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// isTicketParam reports whether a query parameter is none of the client's.
func isTicketParam(name []byte) bool { return string(name) == auth.TicketParam }
