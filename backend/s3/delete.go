package s3

import (
	"context"
	"unicode"

	"ais/backend"
	"ais/object"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sync/errgroup"
)

const (
	deleteBatch   = 1000 // keys that S3 takes in one request
	deletesAtOnce = 8    // requests for one key each
)

// Delete implements backend.Backend.
func (b *bucket) Delete(ctx context.Context, keys []string) []error {
	errs := make([]error, len(keys))
	var single, batch []int // positions
	for i, key := range keys {
		if len(keys) == 1 || !inXML(key) {
			single = append(single, i)
		} else {
			batch = append(batch, i)
		}
	}
	for len(batch) > 0 {
		n := min(len(batch), deleteBatch)
		if err := b.deleteBatch(ctx, keys, batch[:n], errs); err != nil {
			if object.KindOf(err) == object.Unsupported {
				single = append(single, batch...) // a store that knows no multi-delete
				break
			}
			for _, i := range batch[:n] {
				errs[i] = err
			}
		}
		batch = batch[n:]
	}
	var group errgroup.Group
	group.SetLimit(deletesAtOnce)
	for _, i := range single {
		group.Go(func() error {
			errs[i] = b.delete(ctx, keys[i])
			return nil
		})
	}
	_ = group.Wait()
	return errs
}

// inXML reports whether XML 1.0 has all of the key's characters (§2.2).
func inXML(key string) bool {
	for _, r := range key {
		if r < ' ' && r != '\t' || r == unicode.ReplacementChar || r == 0xfffe || r == 0xffff {
			return false
		}
	}
	return true
}

func (b *bucket) delete(ctx context.Context, key string) error {
	o := b.begin(ctx, "delete", key, asked)
	defer o.end()
	c, err := b.client(o.ctx)
	if err != nil {
		return o.fail(err)
	}
	_, err = c.DeleteObject(o.ctx, &s3.DeleteObjectInput{Bucket: &b.config.Bucket, Key: &key}, o.options)
	if err = o.fail(err); err != nil && object.KindOf(err) == object.NotFound {
		return nil
	}
	return err
}

// deleteBatch removes the keys at the positions of batch, and sets their errors
// unless the request as a whole failed.
func (b *bucket) deleteBatch(ctx context.Context, keys []string, batch []int, errs []error) error {
	o := b.begin(ctx, "delete", "", done)
	defer o.end()
	c, err := b.client(o.ctx)
	if err != nil {
		return o.fail(err)
	}
	named := make([]types.ObjectIdentifier, len(batch))
	positions := make(map[string][]int, len(batch))
	for j, i := range batch {
		named[j] = types.ObjectIdentifier{Key: &keys[i]}
		positions[keys[i]] = append(positions[keys[i]], i)
	}
	out, err := c.DeleteObjects(o.ctx, &s3.DeleteObjectsInput{
		Bucket: &b.config.Bucket, Delete: &types.Delete{Objects: named, Quiet: aws.Bool(true)},
	}, o.options, withMD5)
	if err != nil {
		return o.fail(err)
	}
	for _, e := range out.Errors {
		code := aws.ToString(e.Code)
		if code == "NoSuchKey" || code == "NoSuchVersion" {
			continue
		}
		answer := &backend.Error{Code: code, Message: aws.ToString(e.Message)}
		for _, i := range positions[aws.ToString(e.Key)] {
			errs[i] = object.E("s3.delete", keys[i], kindOfEntry(code), answer)
		}
	}
	return nil
}

// withMD5 adds the digest that stores from before 2024 insist on.
func withMD5(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, smithyhttp.AddContentChecksumMiddleware)
}

// kindOfEntry returns the kind of an error in a list, which has no status.
func kindOfEntry(code string) object.Kind {
	if kind, ok := kindByCode[code]; ok {
		return kind
	}
	switch code {
	case "AccessDenied":
		return object.Denied
	case "InternalError", "ServiceUnavailable":
		return object.Unavailable
	}
	return object.Invalid
}
