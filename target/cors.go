package target

import (
	"ais/s3api"
)

// corsRules returns the CORS rules of a bucket, as this node knows it; nil for none.
func (t *Target) corsRules(bucket string) s3api.CORSRules {
	b, ok := t.cluster.State().S3Bucket("", bucket)
	if !ok {
		return nil
	}
	return t.cors.Rules(bucket, b.Documents.CORS)
}
