package s3api

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"ais/object"
)

// Handler serves the operations: a proxy and a target are both. ServeS3 answers
// through r, or returns an error and leaves the answer to the server. It keeps
// nothing of r after it has returned.
type Handler interface{ ServeS3(r *Request) error }

// Config is what a Server needs to know.
type Config struct {
	Handler Handler
	Domains []string // under which Hosts name a bucket, lower case, without port
	Logger  *slog.Logger
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
	// TakeRequestID is for a node behind others: a well-formed X-Ais-Request-Id
	// becomes the request's id.
	TakeRequestID bool
	// Expect, if not nil, sees a request that waits for 100 Continue before a byte
	// of its body is asked for. It may answer it (handled, with Status, SetHeader,
	// WriteXML; the connection closes after the answer) or refuse it with an error.
	// Otherwise 100 goes out and the Handler is called as for any request.
	Expect func(r *Request) (handled bool, err error)
	// CORS, if not nil, returns the CORS rules of a bucket, nil for none. It is
	// asked for many requests, so it must be quick.
	CORS func(bucket string) CORSRules
	// PassesOn, if not nil, reports whether the Handler sends a request on to
	// another S3 server as it is: what that can do is not for this one to say.
	PassesOn func(r *Request) bool
	// Failed, if not nil, is called with an error that was answered; it may add headers
	// to the answer.
	Failed func(ctx *fasthttp.RequestCtx, err error)
	// ProgressTimeout is how long a client may take for the next 16 KiB of a body.
	ProgressTimeout time.Duration
}

// DefaultConfig returns a Config that lacks only its Handler.
func DefaultConfig() Config {
	return Config{Logger: slog.Default(), ProgressTimeout: 30 * time.Second}
}

// Validate reports what is wrong with c.
func (c *Config) Validate() error {
	if c.Handler == nil {
		return errors.New("s3api: there is no Handler")
	}
	for _, d := range c.Domains {
		if d == "" || d != strings.ToLower(d) || strings.ContainsAny(d, ":/") {
			return fmt.Errorf("s3api: %q is not a lower-case domain without port", d)
		}
	}
	return nil
}

// Server serves the S3 protocol with a Handler.
type Server struct {
	config   Config
	metrics  *metrics
	requests sync.Pool
	idSeed   uint64
	idCount  atomic.Uint64
}

// NewServer returns a Server for a valid config.
func NewServer(c Config) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	s := &Server{config: c, metrics: newMetrics(c.Registerer)}
	s.requests.New = func() any { return new(Request) }
	var seed [8]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("s3api: %w", err)
	}
	s.idSeed = binary.LittleEndian.Uint64(seed[:])
	return s, nil
}

// expectKey is where a request waits between ExpectHandler and Serve.
type expectKey struct{}

// Serve serves one request: it is a fasthttp.RequestHandler.
func (s *Server) Serve(ctx *fasthttp.RequestCtx) {
	r, err := s.begin(ctx)
	defer s.finish(r)
	if err == nil {
		err = s.dispatch(r)
	}
	if err != nil {
		r.Drain()
		s.fail(r, err)
	}
	s.allowOrigin(r)
}

// Bounds of Drain.
const (
	drainSize = 16 << 20
	drainTime = 2 * time.Second
)

// Refuse answers a request with err before anything is done about it, its body not
// read, and returns the status.
func (s *Server) Refuse(ctx *fasthttp.RequestCtx, err error) (status int) {
	r, malformed := s.begin(ctx)
	if malformed != nil {
		r.Op = Unknown
	}
	r.unread = true
	s.fail(r, err)
	s.allowOrigin(r)
	status = ctx.Response.StatusCode()
	s.finish(r)
	return status
}

// Drain throws away what is left of the body, within bounds. A client that is
// still sending when the connection is closed sees a reset, not the error.
func (r *Request) Drain() {
	stream := r.ctx.RequestBodyStream()
	if stream == nil {
		return
	}
	if err := r.ctx.SetReadDeadline(time.Now().Add(drainTime)); err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, stream, drainSize) // whatever comes, the answer is the same
}

// ExpectHandler is fasthttp's hook of that name: it answers 100, or the status
// of an answer that it has written and that goes out instead of the body's
// being read.
func (s *Server) ExpectHandler(ctx *fasthttp.RequestCtx) int {
	r, err := s.begin(ctx)
	handled := false
	if err == nil {
		handled, err = s.expect(r)
	}
	if err != nil {
		s.fail(r, err)
	} else if !handled {
		ctx.SetUserValue(expectKey{}, r)
		s.metrics.inFlight.Dec() // until Serve: a client may leave before that unnoticed
		return fasthttp.StatusContinue
	}
	s.allowOrigin(r)
	status := ctx.Response.StatusCode()
	s.finish(r)
	return status
}

// expect asks the configured hook, and refuses what the headers alone condemn.
func (s *Server) expect(r *Request) (handled bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(r, p)
		}
	}()
	if r.Op == PutObject || r.Op == UploadPart {
		if _, err := planBody(r, false); err != nil {
			return false, err
		}
	}
	if s.config.Expect == nil || !r.Op.Handled() {
		return false, nil
	}
	return s.config.Expect(r)
}

// begin makes the Request of ctx; it is never nil.
func (s *Server) begin(ctx *fasthttp.RequestCtx) (*Request, error) {
	if ctx.Request.MayContinue() {
		if r, ok := ctx.UserValue(expectKey{}).(*Request); ok {
			ctx.RemoveUserValue(expectKey{})
			s.metrics.inFlight.Inc()
			return r, nil
		}
	}
	r := s.requests.Get().(*Request)
	*r = Request{ctx: ctx, server: s, Started: time.Now()}
	s.metrics.inFlight.Inc()
	r.ID = s.requestID(ctx)
	ctx.Response.Header.DisableNormalizing() // clients see the names of user metadata as they were stored
	ctx.Response.Header.Set(hRequestID, r.ID)
	return r, r.parse()
}

// parse finds out what is asked for.
func (r *Request) parse() error {
	h := &r.ctx.Request.Header
	t, err := parseTarget(h.RequestURI(), h.Host(), r.server.config.Domains)
	r.target, r.Bucket, r.Key = t, t.bucket, t.key
	if err != nil {
		return err
	}
	r.present = scanParams(t.query)
	r.Op = resolve(t.level, methodString(h.Method()), r.present, r.hasHeader)
	return nil
}

func (r *Request) hasHeader(name string) bool { return len(r.peek(name)) > 0 }

// requestID returns the id of a request: the one that a proxy gave it, or a new
// one that no other request has.
func (s *Server) requestID(ctx *fasthttp.RequestCtx) string {
	if s.config.TakeRequestID {
		if id := ctx.Request.Header.Peek(hNodeRequestID); isRequestID(id) {
			return string(id)
		}
	}
	const digits = "0123456789ABCDEF"
	x := s.idSeed + s.idCount.Add(1)*0x9e3779b97f4a7c15 // odd: visits every value once
	var id [16]byte
	for i := range id {
		id[i] = digits[x>>(60-4*i)&15]
	}
	return string(id[:])
}

func isRequestID(id []byte) bool {
	if len(id) != 16 {
		return false
	}
	for _, c := range id {
		if hex := c >= '0' && c <= '9' || c >= 'A' && c <= 'F'; !hex {
			return false
		}
	}
	return true
}

// dispatch has the request handled, or answers what no handler gets to see.
func (s *Server) dispatch(r *Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(r, p)
		}
	}()
	switch r.Op {
	case Preflight:
		return s.preflight(r)
	case Unimplemented:
		return NotImplemented
	case MethodNotAllowed, Unknown:
		return MethodIsNotAllowed.With("Method", r.Method()).With("ResourceType", r.resourceType())
	}
	if err := r.checkFeatures(); err != nil && (s.config.PassesOn == nil || !s.config.PassesOn(r)) {
		return err
	}
	return s.config.Handler.ServeS3(r)
}

func (r *Request) resourceType() string {
	return [...]string{Service: "SERVICE", Bucket: "BUCKET", Object: "OBJECT"}[r.target.level]
}

// panicked turns a panic into an error, with where it happened in the log.
func (s *Server) panicked(r *Request, p any) error {
	s.config.Logger.Error("panic", "request", r.ID, "op", r.Op.String(), "panic", p, "stack", string(debug.Stack()))
	return object.E("s3api.Serve", "", object.Internal, fmt.Errorf("panic: %v", p))
}

// failureLevel returns how an answer is logged: what is wrong here as an error, what
// passes by itself, such as a node that is down or about to end, as a warning.
func failureLevel(e *Error) (level slog.Level, message string) {
	switch {
	case e.Status < http.StatusInternalServerError, e.Status == http.StatusNotImplemented, e.Code == SlowDown.Code:
		return slog.LevelDebug, "request refused"
	case e.Status == http.StatusServiceUnavailable:
		return slog.LevelWarn, "request failed"
	}
	return slog.LevelError, "request failed"
}

// fail answers with an error. It is the only place that writes error XML, and
// the one where an error is logged.
func (s *Server) fail(r *Request, err error) {
	e := FromError(err)
	level, message := failureLevel(e)
	s.config.Logger.Log(context.Background(), level, message, "request", r.ID, "op", r.Op.String(), "bucket", r.Bucket, "key", r.Key, "code", e.Code, "error", err)
	r.code = e.Code
	resp := &r.ctx.Response
	// After a body that was not what it was said to be, nobody knows where the next
	// request begins.
	keepAlive := !resp.ConnectionClose() && !r.body.broken()
	resp.Reset()
	if !keepAlive {
		resp.SetConnectionClose()
	}
	resp.Header.SetNoDefaultContentType(true) // Reset undoes the server's setting
	resp.Header.Set(hRequestID, r.ID)
	resp.SetStatusCode(e.Status)
	if s.config.Failed != nil {
		s.config.Failed(r.ctx, err)
	}
	if r.marker != "" {
		r.writeMarker(e.Status)
	}
	switch e.Status {
	case http.StatusNotModified, http.StatusPreconditionFailed:
		r.writeValidators()
	case http.StatusServiceUnavailable:
		resp.Header.Set("Retry-After", "1")
	case http.StatusRequestedRangeNotSatisfiable:
		for _, f := range e.Fields {
			if f.Name == "ActualObjectSize" {
				resp.Header.Set("Content-Range", "bytes */"+f.Value)
			}
		}
	}
	if !hasBody(e.Status) {
		return
	}
	resp.Header.SetContentType(xmlType)
	if r.ctx.IsHead() {
		resp.SkipBody = true
		return
	}
	resp.SetBodyRaw(appendError(nil, e, r))
}

// VirtualHost reports whether the Host of a request names a bucket, so that no
// path of it is the node's own.
func (s *Server) VirtualHost(ctx *fasthttp.RequestCtx) bool {
	return len(s.config.Domains) > 0 && virtualBucket(ctx.Request.Header.Host(), s.config.Domains) != ""
}

// finish counts and logs a request and gives it back.
func (s *Server) finish(r *Request) {
	resp := &r.ctx.Response
	status := resp.StatusCode()
	elapsed := time.Since(r.Started)
	received, sent := r.traffic()
	s.metrics.observe(r.Op, status, r.code, elapsed, received, sent)
	if s.config.Logger.Enabled(r.ctx, slog.LevelDebug) {
		s.config.Logger.Debug("request", "request", r.ID, "op", r.Op.String(), "method", r.Method(), "path", string(r.target.path),
			"status", status, "received", received, "sent", sent, "elapsed", elapsed, "remote", r.ctx.RemoteAddr().String(), "principal", r.Principal)
	}
	if r.body != nil {
		r.body.close()
	}
	if r.ctx.Request.Header.ContentLength() == -1 {
		// fasthttp reads what is left of a chunked body, under whatever deadline is set.
		_ = r.ctx.SetReadDeadline(time.Now().Add(HeaderTimeout))
	}
	*r = Request{}
	s.requests.Put(r)
}

// traffic returns the bytes of body that came and that go, the latter as
// announced where they are still to be streamed.
func (r *Request) traffic() (received, sent int64) {
	if r.body != nil {
		received = r.body.Received()
	} else if !r.unread {
		received = int64(max(r.ctx.Request.Header.ContentLength(), 0))
	}
	resp := &r.ctx.Response
	switch {
	case r.ctx.IsHead() || !hasBody(resp.StatusCode()):
	case resp.IsBodyStream():
		sent = int64(max(resp.Header.ContentLength(), 0))
	default:
		sent = int64(len(resp.Body()))
	}
	return received, sent
}
