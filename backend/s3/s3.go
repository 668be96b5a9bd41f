// Package s3 is backend.Backend over Amazon S3, or any store that speaks its
// protocol, with the AWS SDK for Go.
//
// It takes credentials from where every AWS tool takes them (the environment, the
// configuration files, a web identity, the container's or the machine's role), or
// from a named profile. It keeps no state but connections and credentials.
package s3

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"ais/backend"
	"ais/object"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Options are what a Stores is told from outside.
type Options struct {
	AppID string           // in the User-Agent header of every request
	Now   func() time.Time // nil is the clock
	Rand  func() float64   // in [0, 1), for the jitter of retries; nil is good randomness
}

// Stores opens remote buckets. Those of one profile share connections and
// credentials.
type Stores struct {
	options Options
	retries *retry.Standard // what is worth another attempt

	mu       sync.Mutex // guards the rest
	profiles map[string]*profile
}

// profile is a set of credentials, and the connections made with them.
type profile struct {
	config aws.Config
	client *http.Client
}

// Defaults of backend.Config.
const (
	defaultTimeout  = 30 * time.Second
	defaultPartSize = 128 << 20
)

// New returns a Stores.
func New(o Options) *Stores {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	return &Stores{options: o, retries: standard(), profiles: map[string]*profile{}}
}

// Open implements backend.Open.
func (s *Stores) Open(c backend.Config) (backend.Backend, error) {
	bad := func(err error) (backend.Backend, error) {
		return nil, object.E("s3.Open", c.Bucket, object.Invalid, err)
	}
	if err := object.CheckBucketName(c.Bucket); err != nil {
		return nil, err
	}
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return bad(errors.New("an endpoint is a URL, such as https://store.example.com:9000"))
		}
	}
	switch c.PathStyle {
	case "":
		c.PathStyle = backend.PathAuto
	case backend.PathAuto, backend.PathOn, backend.PathOff:
	default:
		return bad(errors.New("the path style is auto, true or false"))
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.PartSize <= 0 {
		c.PartSize = defaultPartSize
	}
	c.PartSize = min(max(c.PartSize, object.MinPartSize), object.MaxPutSize)
	return &bucket{stores: s, config: c, turn: make(chan struct{}, 1)}, nil
}

// Reload forgets the AWS configuration that was read: buckets that are opened from now
// on read it anew. Those that are open keep what they have.
func (s *Stores) Reload() {
	s.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.profiles)
}

// Close closes the connections that are not in use.
func (s *Stores) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.profiles {
		p.client.CloseIdleConnections()
	}
}

// profile reads the AWS configuration of a profile, "" the default one, when it is
// first used. What it reads once holds until Reload, but for credentials that expire.
func (s *Stores) profile(ctx context.Context, name string) (*profile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.profiles[name]; p != nil {
		return p, nil
	}
	client := awshttp.NewBuildableClient().WithReadTimeout(0).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.DisableCompression = true
			t.MaxIdleConns, t.MaxIdleConnsPerHost, t.MaxConnsPerHost = 0, idlePerHost, 0
			t.ReadBufferSize, t.WriteBufferSize = bufferSize, bufferSize
		})
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client), config.WithAppID(s.options.AppID),
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
	}
	if name != "" {
		options = append(options, config.WithSharedConfigProfile(name))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, object.E("s3.profile", name, object.Invalid, err)
	}
	if loaded.Credentials != nil {
		loaded.Credentials = credentials{loaded.Credentials}
	}
	// A CA bundle of the configuration makes the SDK change the client.
	if changed, ok := loaded.HTTPClient.(*awshttp.BuildableClient); ok {
		client = changed
	}
	p := &profile{config: loaded, client: &http.Client{Transport: client.GetTransport(), CheckRedirect: redirect}}
	s.profiles[name] = p
	return p, nil
}

const (
	dialTimeout = 10 * time.Second
	idlePerHost = 256      // connections kept for the next requests
	bufferSize  = 64 << 10 // bytes each way of a connection
)

// redirect follows what S3 redirects: requests that keep their method. Another host
// does not get to see the session's token.
func redirect(r *http.Request, via []*http.Request) error {
	status := r.Response.StatusCode
	if len(via) >= 5 || status != http.StatusTemporaryRedirect && status != http.StatusPermanentRedirect {
		return http.ErrUseLastResponse
	}
	if r.URL.Host != via[len(via)-1].URL.Host {
		r.Header.Del("X-Amz-Security-Token")
	}
	return nil
}

// credentials says of its errors that they are about credentials.
type credentials struct{ aws.CredentialsProvider }

func (c credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return found, &credentialsError{err}
	}
	return found, nil
}

type credentialsError struct{ err error }

func (e *credentialsError) Error() string        { return "no credentials: " + e.err.Error() }
func (e *credentialsError) Unwrap() error        { return e.err }
func (e *credentialsError) RetryableError() bool { return false }

// client returns the SDK's client of the bucket; the first time it finds out where
// the bucket is.
func (b *bucket) client(ctx context.Context) (*s3.Client, error) {
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-b.turn }()
	if b.opened != nil {
		return b.opened, nil
	}
	p, err := b.stores.profile(ctx, b.config.Profile)
	if err != nil {
		return nil, err
	}
	made := s3.NewFromConfig(p.config, func(o *s3.Options) { b.settings(o, p) })
	region := b.config.Region
	if region == "" && made.Options().BaseEndpoint != nil {
		region = p.config.Region
	}
	if region == "" {
		if region, err = b.findRegion(ctx, made); err != nil {
			return nil, err
		}
	}
	b.region = region
	b.opened = s3.New(made.Options(), func(o *s3.Options) { o.Region = region })
	return b.opened, nil
}
