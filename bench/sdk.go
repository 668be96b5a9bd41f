package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// sdkClient does requests with aws-sdk-go-v2, as applications do.
type sdkClient struct {
	s3     *s3.Client
	http   *http.Transport
	bucket string
}

func newSDKClient(e endpoint) *sdkClient {
	t := http.DefaultTransport.(*http.Transport).Clone()
	scheme := "http://"
	if e.secure != nil {
		scheme, t.TLSClientConfig = "https://", e.secure.Clone()
	}
	o := s3.Options{
		BaseEndpoint: aws.String(scheme + e.host + e.path),
		UsePathStyle: true,
		Region:       e.region,
		HTTPClient:   &http.Client{Transport: t},
		Credentials:  aws.AnonymousCredentials{},
	}
	if e.access != "" {
		o.Credentials = credentials.NewStaticCredentialsProvider(e.access, e.secret, "")
	}
	return &sdkClient{s3: s3.New(o), http: t, bucket: e.bucket}
}

func (c *sdkClient) close() { c.http.CloseIdleConnections() }

func (c *sdkClient) do(ctx context.Context, r *request) (result, error) {
	b, k := &c.bucket, &r.key
	switch r.op {
	case opMakeBucket:
		_, err := c.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b})
		return result{}, err
	case opPut:
		_, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: k, Body: bytes.NewReader(r.body)})
		return result{bytes: int64(len(r.body))}, err
	case opGet:
		return c.get(ctx, r, nil)
	case opRange:
		return c.get(ctx, r, aws.String(fmt.Sprintf("bytes=%d-%d", r.offset, r.offset+r.length-1)))
	case opHead:
		_, err := c.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: k})
		return result{}, err
	case opList:
		out, err := c.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b, Prefix: aws.String("bench/"), Delimiter: &r.delimiter, StartAfter: &r.after, MaxKeys: aws.Int32(int32(r.maxKeys))})
		if err != nil {
			return result{}, err
		}
		return result{keys: len(out.Contents) + len(out.CommonPrefixes)}, nil
	case opDelete:
		_, err := c.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: k})
		return result{}, err
	case opMultiDelete:
		return result{}, c.deleteMany(ctx, r)
	case opCopy:
		_, err := c.s3.CopyObject(ctx, &s3.CopyObjectInput{Bucket: b, Key: k, CopySource: aws.String(c.bucket + "/" + r.source)})
		return result{}, err
	case opCreate:
		out, err := c.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: b, Key: k})
		if err != nil {
			return result{}, err
		}
		return result{upload: aws.ToString(out.UploadId)}, nil
	case opPart:
		out, err := c.s3.UploadPart(ctx, &s3.UploadPartInput{Bucket: b, Key: k, UploadId: &r.upload, PartNumber: aws.Int32(int32(r.part)), Body: bytes.NewReader(r.body)})
		if err != nil {
			return result{}, err
		}
		return result{bytes: int64(len(r.body)), etag: aws.ToString(out.ETag)}, nil
	case opComplete:
		return result{}, c.complete(ctx, r)
	}
	return result{}, fmt.Errorf("%s is not for the SDK", r.op)
}

func (c *sdkClient) get(ctx context.Context, r *request, byteRange *string) (result, error) {
	out, err := c.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: &r.key, Range: byteRange})
	if err != nil {
		return result{}, err
	}
	defer out.Body.Close() // read to its end
	n, err := io.Copy(io.Discard, out.Body)
	if err == nil && n != r.length {
		err = fmt.Errorf("%d bytes of %s, want %d", n, r.key, r.length)
	}
	return result{bytes: n}, err
}

func (c *sdkClient) deleteMany(ctx context.Context, r *request) error {
	var d types.Delete
	d.Quiet = aws.Bool(true)
	for _, k := range r.keys {
		d.Objects = append(d.Objects, types.ObjectIdentifier{Key: aws.String(k)})
	}
	out, err := c.s3.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &c.bucket, Delete: &d})
	if err == nil && len(out.Errors) > 0 {
		err = fmt.Errorf("%d objects were not deleted: %s", len(out.Errors), aws.ToString(out.Errors[0].Message))
	}
	return err
}

func (c *sdkClient) complete(ctx context.Context, r *request) error {
	var m types.CompletedMultipartUpload
	for i, etag := range r.etags {
		m.Parts = append(m.Parts, types.CompletedPart{ETag: aws.String(etag), PartNumber: aws.Int32(int32(i + 1))})
	}
	_, err := c.s3.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &c.bucket, Key: &r.key, UploadId: &r.upload, MultipartUpload: &m})
	return err
}

func contentMD5(b []byte) string {
	sum := md5.Sum(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}
