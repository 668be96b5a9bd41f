package auth

// Policy is a policy document, parsed and ready to be evaluated. It is safe for
// concurrent use.
type Policy struct{}

// MaxPolicy is the longest policy document, in bytes (S3: 20 KiB).
const MaxPolicy = 20 << 10

// PolicyError says, in words for the author, why a document is no policy.
type PolicyError string

// Error returns the reason.
func (e PolicyError) Error() string { return string(e) }

// ParsePolicy reads the policy of a bucket. The error is a PolicyError.
func ParsePolicy(document []byte) (*Policy, error) { return nil, PolicyError("no policy can be read") }

// ParseUserPolicy reads the policy of a user or of a session, in which nothing
// is said about principals. The error is a PolicyError.
func ParseUserPolicy(document []byte) (*Policy, error) {
	return nil, PolicyError("no policy can be read")
}

// CheckBucket returns a PolicyError where p names a resource that is not the
// bucket or in it.
func (p *Policy) CheckBucket(bucket string) error { return nil }

// Public reports whether p, of a bucket, is public in the meaning of S3's public
// access block: it allows something to anybody, not to named users or fixed
// networks only. nil is not.
func (p *Policy) Public() bool { return false }
