package s3api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Credentials are what a client signs with.
type Credentials struct {
	AccessKey string
	Secret    string
	Token     string // of a session; "" for none
}

// String returns the access key; the secret is not for printing.
func (c Credentials) String() string { return c.AccessKey }

// GoString is String.
func (c Credentials) GoString() string { return c.AccessKey }

// UnsignedPayload is the digest of a body that a signature does not cover.
const UnsignedPayload = "UNSIGNED-PAYLOAD"

// SignV4 signs a request with Signature Version 4 in its Authorization header:
// the host, Content-Type, Content-MD5, Range and every x-amz- header that it has,
// and those that SignV4 sets itself (x-amz-date, x-amz-content-sha256,
// x-amz-security-token). payload is the body's SHA-256 in hexadecimal, "" for an
// empty body, or UnsignedPayload.
func SignV4(req *http.Request, c Credentials, service, region, payload string, now time.Time) {
	if payload == "" {
		payload = emptySHA256
	}
	req.Header.Del(hAuthorization)
	s := v4{time: now.UTC(), timeText: now.UTC().Format(amzTime), payload: payload}
	s.scope = scope{accessKey: c.AccessKey, date: s.timeText[:len(amzDay)], region: region, service: service}
	s.scopeText = strings.Join([]string{s.scope.date, region, service, "aws4_request"}, "/")
	req.Header.Set(hAmzDate, s.timeText)
	req.Header.Set(hContentSHA256, payload)
	if c.Token != "" {
		req.Header.Set(hSecurityToken, c.Token)
	}
	m := messageOfHTTP(req)
	s.headers = []byte(strings.Join(m.signable(), ";"))
	m.readParams("")
	m.writeCanonical(&s, form{encodePath(m.path), string(m.host)}, payload)
	m.writeToSign(&s)
	sum := newSigningKey(c.Secret, s.scope).sign(m.toSign)
	req.Header.Set(hAuthorization, SchemeV4+" Credential="+c.AccessKey+"/"+s.scopeText+
		", SignedHeaders="+string(s.headers)+", Signature="+hex.EncodeToString(sum[:]))
}

// PresignV4 returns the URL of a request, signed with Signature Version 4 in its
// query, good for a time of up to MaxPresign. The x-amz- headers that the request
// has are signed, so they must be sent with it.
func PresignV4(req *http.Request, c Credentials, region string, now time.Time, life time.Duration) string {
	m := messageOfHTTP(req)
	s := v4{timeText: now.UTC().Format(amzTime), headers: []byte(strings.Join(m.signable(), ";"))}
	s.scope = scope{accessKey: c.AccessKey, date: s.timeText[:len(amzDay)], region: region, service: "s3"}
	s.scopeText = strings.Join([]string{s.scope.date, region, "s3", "aws4_request"}, "/")
	query := req.URL.RawQuery
	add := func(name, value string) {
		if query != "" {
			query += "&"
		}
		query += name + "="
		for i := range len(value) {
			query = string(appendEncoded([]byte(query), value[i]))
		}
	}
	add("X-Amz-Algorithm", SchemeV4)
	add("X-Amz-Credential", c.AccessKey+"/"+s.scopeText)
	add("X-Amz-Date", s.timeText)
	add("X-Amz-Expires", itoa(int64(life/time.Second)))
	add("X-Amz-SignedHeaders", string(s.headers))
	if c.Token != "" {
		add("X-Amz-Security-Token", c.Token)
	}
	m.query = []byte(query)
	m.readParams("")
	m.writeCanonical(&s, form{encodePath(m.path), string(m.host)}, UnsignedPayload)
	m.writeToSign(&s)
	sum := newSigningKey(c.Secret, s.scope).sign(m.toSign)
	add(signatureParam, hex.EncodeToString(sum[:]))
	u := *req.URL
	u.RawQuery = query
	return u.String()
}

// messageOfHTTP returns the message of a client's request; it is not released.
func messageOfHTTP(req *http.Request) *message {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	path := req.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	m := &message{method: []byte(req.Method), path: []byte(path), query: []byte(req.URL.RawQuery), host: []byte(host)}
	for name, values := range req.Header {
		for _, value := range values {
			m.fields = append(m.fields, field{[]byte(name), []byte(value)})
		}
	}
	return m
}

// signable lists the headers of m that a client should sign, in lower case and
// sorted; host is always among them.
func (m *message) signable() []string {
	names := []string{"host"}
	for _, f := range m.fields {
		switch name := lowerName(f.name); {
		case hasAmzPrefix(f.name), name == "content-type", name == "content-md5", name == "range":
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// PayloadSHA256 returns the digest of a body for SignV4.
func PayloadSHA256(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
