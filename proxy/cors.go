package proxy

import (
	"ais/s3api"
)

// corsRules returns the CORS rules of a bucket, as this node knows it; nil for none.
func (p *Proxy) corsRules(bucket string) s3api.CORSRules {
	b, ok := p.cluster.State().S3Bucket("", bucket)
	if !ok {
		return nil
	}
	return p.cors.Rules(bucket, b.Documents.CORS)
}
