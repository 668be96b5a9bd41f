package s3

import (
	"context"
	"errors"
	"net/http"

	"ais/backend"
	"ais/object"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// bucket is one remote bucket.
type bucket struct {
	stores *Stores
	config backend.Config // with the defaults filled in

	turn   chan struct{} // of one: guards the rest
	opened *s3.Client    // nil before the first use
	region string
}

// Name returns the bucket's name.
func (b *bucket) Name() string { return b.config.Bucket }

// defaultRegion is asked for a bucket of which nothing is known; S3's answer names
// the right one.
const defaultRegion = "us-east-1"

// settings are the SDK's for this bucket.
func (b *bucket) settings(o *s3.Options, p *profile) {
	if b.config.Endpoint != "" {
		o.BaseEndpoint = aws.String(b.config.Endpoint)
	}
	o.UsePathStyle = b.config.PathStyle == backend.PathOn || b.config.PathStyle == backend.PathAuto && o.BaseEndpoint != nil
	switch {
	case b.config.Region != "":
		o.Region = b.config.Region
	case o.Region == "":
		o.Region = defaultRegion
	}
	o.HTTPClient = guarded{p.client}
	o.Logger = logging.Nop{}
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
}

const regionHeader = "X-Amz-Bucket-Region"

// findRegion asks the store where the bucket is. A store that refuses to answer, or
// does not say, is taken to be in the region of the AWS configuration.
func (b *bucket) findRegion(ctx context.Context, c *s3.Client) (string, error) {
	o := b.begin(ctx, "region", "", asked)
	defer o.end()
	out, err := c.HeadBucket(o.ctx, &s3.HeadBucketInput{Bucket: &b.config.Bucket}, o.options)
	if err == nil {
		if region := aws.ToString(out.BucketRegion); region != "" {
			return region, nil
		}
		return c.Options().Region, nil
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		if region := answer.Response.Header.Get(regionHeader); region != "" {
			return region, nil
		}
		if answer.HTTPStatusCode() == http.StatusForbidden {
			return c.Options().Region, nil
		}
	}
	return "", o.fail(err)
}

// Info implements backend.Backend.
func (b *bucket) Info(ctx context.Context) (backend.Info, error) {
	o := b.begin(ctx, "info", "", asked)
	defer o.end()
	c, err := b.client(o.ctx)
	if err != nil {
		return backend.Info{}, o.fail(err)
	}
	if _, err := c.HeadBucket(o.ctx, &s3.HeadBucketInput{Bucket: &b.config.Bucket}, o.options); err != nil {
		return backend.Info{}, o.fail(err)
	}
	info := backend.Info{Region: b.region}
	out, err := c.GetBucketVersioning(o.ctx, &s3.GetBucketVersioningInput{Bucket: &b.config.Bucket}, o.options)
	if err = o.fail(err); err == nil {
		info.Versioned = out.Status == types.BucketVersioningStatusEnabled
		return info, nil
	}
	switch object.KindOf(err) {
	case object.Unavailable, object.NoSuchBucket:
		return backend.Info{}, err
	}
	return info, nil // a store that has no versions, or does not let us ask
}
