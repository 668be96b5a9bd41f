package s3api

// CORSRules is a bucket's CORS configuration, in the order in which rules are tried.
type CORSRules []CORSRule

// CORSRule allows requests of some origins.
type CORSRule struct {
	ID      string
	Origins []string // with at most one "*" each
	Methods []string // GET, PUT, POST, DELETE, HEAD
	Headers []string // that a preflight may ask for; with at most one "*" each
	Expose  []string // headers of answers that scripts may see
	MaxAge  int      // seconds that a preflight may be kept; −1 for not said
}

// CORSMatch is what a rule allows one request.
type CORSMatch struct {
	Origin  string   // for Access-Control-Allow-Origin: "*" or the request's
	Methods []string // for Access-Control-Allow-Methods
	Headers []string // for Access-Control-Allow-Headers: those asked for
	Expose  []string // for Access-Control-Expose-Headers
	MaxAge  int      // for Access-Control-Max-Age; −1 for none
}

// ParseCORS reads a CORSConfiguration. The error is MalformedXML, or
// InvalidRequest for a rule that means nothing.
func ParseCORS(_ []byte) (CORSRules, error) { return nil, NotImplemented }

// AppendCORS appends the CORSConfiguration of rules.
func AppendCORS(b []byte, _ CORSRules) []byte { return b }

// Match returns what the first rule that matches allows; nil for none.
func (rules CORSRules) Match(_, _ string, _ []string) *CORSMatch { return nil }
