package s3api

import "ais/auth"

// ParsePublicAccessBlock reads a PublicAccessBlockConfiguration document; what it
// does not name is off.
func ParsePublicAccessBlock(data []byte) (auth.PublicAccessBlock, error) {
	var doc auth.PublicAccessBlock
	err := unmarshal(data, "PublicAccessBlockConfiguration", &doc)
	return doc, err
}
