package auth

import "errors"

// Policy is a policy document, parsed and ready to be evaluated.
type Policy struct{}

// MaxPolicy is the longest bucket policy, in bytes (S3: 20 KiB).
const MaxPolicy = 20 << 10

// ParsePolicy reads a policy document.
func ParsePolicy([]byte) (*Policy, error) { return nil, errors.New("no policy can be read") }
