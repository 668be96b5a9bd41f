package s3api

import (
	"log/slog"
	"time"

	"github.com/valyala/fasthttp"
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
func (v *Verifier) Authenticate(_ *Request) (Signed, error) { return Signed{}, AccessDenied }

// AttachChunks has the chunk signatures of r's body verified as the body is read,
// for a request that was admitted by a ticket: the Authorization header is taken
// as it stands, for the key and for the signature that the chain begins with.
// Without one there is nothing to verify chunks against, and none is.
func (v *Verifier) AttachChunks(_ *Request) error { return AccessDenied }

// AuthenticateHTTP is Authenticate for a request that is not of the S3 protocol,
// signed with Signature Version 4 for one of the services. A body with a signed
// digest, or without x-amz-content-sha256, is read whole; ctx.Request.Body has it
// then. It may have MaxSignedBody bytes.
func (v *Verifier) AuthenticateHTTP(_ *fasthttp.RequestCtx, _ ...string) (Signed, error) {
	return Signed{}, AccessDenied
}

// MaxSignedBody bounds a body that AuthenticateHTTP has to read.
const MaxSignedBody = 1 << 20
