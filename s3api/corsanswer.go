package s3api

import (
	"net/http"
	"strings"
)

// Headers of the CORS protocol.
const (
	hOrigin         = "Origin"
	hRequestMethod  = "Access-Control-Request-Method"
	hRequestHeaders = "Access-Control-Request-Headers"

	hAllowOrigin = "Access-Control-Allow-Origin"
	varyCORS     = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
)

var (
	errNoOrigin   = &Error{Code: "BadRequest", Status: http.StatusBadRequest, Message: "Insufficient information. Origin request header needed."}
	errNoMethod   = &Error{Code: "BadRequest", Status: http.StatusBadRequest, Message: "Invalid Access-Control-Request-Method: null"}
	errNotAllowed = AccessForbidden.Say("CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.")
)

// cors returns the rules of the request's bucket; nil for none.
func (s *Server) cors(r *Request) CORSRules {
	if s.config.CORS == nil || r.Bucket == "" {
		return nil
	}
	return s.config.CORS(r.Bucket)
}

// preflight answers a browser that asks what it may do. It needs no credentials.
func (s *Server) preflight(r *Request) error {
	origin, method := r.Header(hOrigin), r.Header(hRequestMethod)
	switch {
	case origin == "":
		return errNoOrigin
	case method == "":
		return errNoMethod
	}
	refuse := func(e *Error) error {
		return e.With("Method", method).With("ResourceType", r.resourceType())
	}
	rules := s.cors(r)
	if len(rules) == 0 {
		return refuse(AccessForbidden)
	}
	match := rules.Match(origin, method, splitList(r.Header(hRequestHeaders)))
	if match == nil {
		return refuse(errNotAllowed)
	}
	r.writeCORS(match)
	return nil
}

// splitList splits a header's list of names.
func splitList(value string) []string {
	var names []string
	for name := range strings.SplitSeq(value, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// allowOrigin sets the CORS headers of an answer, whichever it is: an error or a
// redirect must be readable for a script too. It comes last, so that an answer
// that another node made, and had its headers, has them once.
func (s *Server) allowOrigin(r *Request) {
	if r.Op == Preflight {
		return
	}
	rules := s.cors(r)
	if len(rules) == 0 {
		return
	}
	r.vary() // also without an Origin: what is cached then must not be served to one
	origin := r.peek(hOrigin)
	if len(origin) == 0 {
		return
	}
	method := r.Header(hRequestMethod)
	if method == "" {
		method = r.Method()
	}
	if match := rules.Match(string(origin), method, nil); match != nil {
		r.writeCORS(match)
	}
}

// vary names what the CORS headers depend on.
func (r *Request) vary() {
	h := &r.ctx.Response.Header
	switch now := string(h.Peek("Vary")); {
	case now == "":
		h.Set("Vary", varyCORS)
	case !hasToken([]byte(now), hOrigin):
		h.Set("Vary", now+", "+varyCORS)
	}
}

// writeCORS sets the headers of what is allowed.
func (r *Request) writeCORS(m *CORSMatch) {
	r.SetHeader(hAllowOrigin, m.Origin)
	r.SetHeader("Access-Control-Allow-Methods", strings.Join(m.Methods, ", "))
	if len(m.Headers) > 0 {
		r.SetHeader("Access-Control-Allow-Headers", strings.ToLower(strings.Join(m.Headers, ", ")))
	}
	if len(m.Expose) > 0 {
		r.SetHeader("Access-Control-Expose-Headers", strings.Join(m.Expose, ", "))
	}
	if m.MaxAge >= 0 {
		r.SetHeader("Access-Control-Max-Age", itoa(int64(m.MaxAge)))
	}
	if m.Origin != "*" {
		r.SetHeader("Access-Control-Allow-Credentials", "true")
	}
	r.vary()
}
