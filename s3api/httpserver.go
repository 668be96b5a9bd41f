package s3api

import (
	"errors"
	"log/slog"
	"math"
	"net"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// Limits and deadlines of a node's HTTP server.
const (
	HeaderLimit   = 32 << 10         // bytes of request line and headers
	HeaderTimeout = 20 * time.Second // for a request's header to arrive
	minBodyRate   = 4 << 10          // bytes per second, the slowest that a body may come or go
	maxUnhurried  = 256 << 10        // an answer of fewer bytes has writeTimeout whatever the line
	writeTimeout  = 2 * time.Minute  // for an answer without a stream
)

// ConfigureServer sets what every HTTP server of a node needs for the S3
// protocol; h gets the requests, s (which may be nil) the Expect hook. idle is
// how long a connection may rest between two requests; a proxy's must be
// shorter towards a target than the target's own.
func ConfigureServer(f *fasthttp.Server, s *Server, h fasthttp.RequestHandler, idle time.Duration) {
	f.Handler = func(ctx *fasthttp.RequestCtx) {
		h(ctx)
		giveTime(ctx)
	}
	if s != nil {
		f.ExpectHandler = s.ExpectHandler
		f.ErrorHandler = s.malformed
		f.Logger = connLog{s.config.Logger}
	}
	f.HeaderReceived = bodyDeadline
	f.StreamRequestBody = true
	f.DisablePreParseMultipartForm = true
	f.NoDefaultServerHeader = true
	f.NoDefaultContentType = true
	f.ReadBufferSize = HeaderLimit
	f.WriteBufferSize = 4 << 10
	f.MaxRequestBodySize = math.MaxInt
	f.ReadTimeout = HeaderTimeout
	f.WriteTimeout = writeTimeout
	f.IdleTimeout = idle
	f.TCPKeepalive = true
	f.SecureErrorLogMessage = true
}

// bodyDeadline gives a body its time. ReadTimeout is one deadline for header and
// body, too short for a large one; who reads the body sets closer ones, but a
// body that nobody hurries must not be cut by it, nor wait for ever.
func bodyDeadline(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	var c fasthttp.RequestConfig
	switch n := h.ContentLength(); {
	case n > prefetched:
		c.ReadTimeout = HeaderTimeout + time.Duration(min(n/minBodyRate, 1<<24))*time.Second
	case n == -1:
		c.ReadTimeout = 24 * time.Hour
	}
	return c
}

// giveTime gives a large stream more time to be sent than WriteTimeout, which is
// one deadline for the whole of an answer.
func giveTime(ctx *fasthttp.RequestCtx) {
	resp := &ctx.Response
	if !resp.IsBodyStream() {
		return
	}
	timeout := 24 * time.Hour
	if size := resp.Header.ContentLength(); size >= 0 {
		if size < maxUnhurried {
			return
		}
		timeout = writeTimeout + time.Duration(min(size/minBodyRate, 1<<24))*time.Second
	}
	_ = ctx.SetWriteDeadline(time.Now().Add(timeout)) // a dead connection shows when it is written to
}

// malformed answers a request that fasthttp could not read.
func (s *Server) malformed(ctx *fasthttp.RequestCtx, err error) {
	e := InvalidRequest.Say("The request is not well-formed HTTP")
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	switch {
	case errors.As(err, &small):
		e = RequestHeaderSectionTooLarge.With("MaxSizeAllowed", itoa(HeaderLimit))
	case errors.As(err, &timeout) && timeout.Timeout():
		e = RequestTimeout
	case strings.Contains(err.Error(), "unexpected EOF"):
		e = IncompleteBody
	case errors.Is(err, fasthttp.ErrorInvalidURI):
		e = InvalidURI
	}
	r, _ := s.begin(ctx)
	r.Op = Unknown
	s.fail(r, e)
	s.finish(r)
}

// connLog passes on what fasthttp logs about connections, which is about clients
// and not about us.
type connLog struct{ log *slog.Logger }

func (l connLog) Printf(format string, args ...any) {
	l.log.Debug("connection", "message", fmtMessage(format, args))
}
