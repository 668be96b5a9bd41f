package s3api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// Signature Version 4, as in "Authenticating Requests (AWS Signature Version 4)"
// of the S3 API reference.

// Formats of times.
const (
	amzTime = "20060102T150405Z"
	amzDay  = "20060102"
)

// emptySHA256 is the digest of no bytes.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// v4 is a signature of Version 4 as it was given.
type v4 struct {
	scope     scope
	scopeText string // date/region/service/aws4_request
	headers   []byte // SignedHeaders: names in lower case, between semicolons
	signature []byte // 64 hexadecimal digits
	time      time.Time
	timeText  string // as it is signed: 20060102T150405Z
	token     string
	payload   string // the body's digest, as it is signed; "" if the request does not say
}

// verifyHeaderV4 verifies an Authorization header of Version 4.
func (v *Verifier) verifyHeaderV4(m *message, services []string) (Signed, *chunkChain, error) {
	authorization, _ := m.value(hAuthorization)
	s, err := parseV4(authorization, services)
	if err != nil {
		return Signed{}, nil, err
	}
	if err := s.readTime(m); err != nil {
		return Signed{}, nil, err
	}
	if token, ok := m.value(hSecurityToken); ok {
		s.token = string(token)
	}
	payload, _ := m.value(hContentSHA256)
	s.payload = string(payload)
	key, err := v.keyV4(&s)
	if err != nil {
		return Signed{}, nil, err
	}
	if err := v.checkClock(s.time); err != nil {
		return Signed{}, nil, err
	}
	m.readParams("")
	if err := v.matchV4(m, &s, key, false); err != nil {
		return Signed{}, nil, err
	}
	return s.signed(InHeader), newChunkChain(&s, key), nil
}

// keyV4 returns the signing key of s.
func (v *Verifier) keyV4(s *v4) (*signingKey, error) {
	secret, err := v.secret(s.scope.accessKey, s.token)
	if err != nil {
		return nil, err
	}
	return v.keys.key(secret, s.scope), nil
}

func (s *v4) signed(method string) Signed {
	return Signed{AccessKey: s.scope.accessKey, Token: s.token, Region: s.scope.region, Service: s.scope.service,
		Scheme: SchemeV4, Method: method, Time: s.time}
}

// parseV4 reads an Authorization header:
//
//	AWS4-HMAC-SHA256 Credential=AK/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=…
func parseV4(authorization []byte, services []string) (v4, error) {
	var s v4
	rest, ok := strings.CutPrefix(string(authorization), SchemeV4+" ")
	if !ok {
		return s, AuthorizationHeaderMalformed
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			if err := s.readCredential(value, services); err != nil {
				return s, AuthorizationHeaderMalformed.Say("The authorization header is malformed; " + err.Error())
			}
		case "SignedHeaders":
			s.headers = []byte(value)
		case "Signature":
			s.signature = []byte(value)
		default:
			return s, AuthorizationHeaderMalformed.Say("The authorization header is malformed; the header may have Credential, SignedHeaders and Signature only.")
		}
	}
	switch {
	case s.scope.accessKey == "":
		return s, AuthorizationHeaderMalformed.Say("The authorization header is malformed; the authorization header requires three components: Credential, SignedHeaders, and Signature.")
	case !s.signsHost():
		return s, AuthorizationHeaderMalformed.Say("The authorization header is malformed; SignedHeaders must have host.")
	case !isSignature(s.signature):
		return s, AuthorizationHeaderMalformed.Say("The authorization header is malformed; Signature must be 64 hexadecimal digits.")
	}
	return s, nil
}

// credentialError says what is wrong with a credential.
type credentialError string

func (e credentialError) Error() string { return string(e) }

// readCredential reads "accessKey/date/region/service/aws4_request". An access
// key may hold slashes.
func (s *v4) readCredential(text string, services []string) error {
	parts := strings.Split(text, "/")
	n := len(parts)
	if n < 5 {
		return credentialError("the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".")
	}
	last := parts[n-4:]
	accessKey := strings.Join(parts[:n-4], "/")
	if accessKey == "" {
		return credentialError("a non-empty Access Key (AKID) must be provided in the credential.")
	}
	if _, err := time.Parse(amzDay, last[0]); err != nil || len(last[0]) != len(amzDay) {
		return credentialError("incorrect date format \"" + last[0] + "\". This date in the credential must be in the format \"yyyyMMdd\".")
	}
	if last[1] == "" {
		return credentialError("a non-empty region must be provided in the credential.")
	}
	if last[3] != "aws4_request" {
		return credentialError("incorrect terminal \"" + last[3] + "\". This endpoint uses \"aws4_request\".")
	}
	if !contains(services, last[2]) {
		return credentialError("incorrect service \"" + last[2] + "\". This endpoint belongs to \"" + services[0] + "\".")
	}
	s.scope = scope{accessKey: accessKey, date: last[0], region: last[1], service: last[2]}
	s.scopeText = text[len(accessKey)+1:]
	return nil
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}

// signsHost reports whether host is among the signed headers.
func (s *v4) signsHost() bool { return s.signs([]byte("host")) }

// signs reports whether a header is signed.
func (s *v4) signs(name []byte) bool {
	for rest := s.headers; len(rest) > 0; {
		var item []byte
		item, rest, _ = bytes.Cut(rest, []byte{';'})
		if equalFoldASCII(item, name) {
			return true
		}
	}
	return false
}

// readTime reads when the request was signed: x-amz-date, or Date without it.
func (s *v4) readTime(m *message) error {
	text, ok := m.value(hAmzDate)
	if !ok {
		text, _ = m.value("Date")
	}
	t, ok := parseSignTime(string(text))
	if !ok {
		return errNoDate
	}
	s.time, s.timeText = t, t.Format(amzTime)
	if s.timeText[:len(amzDay)] != s.scope.date {
		return SignatureDoesNotMatch.Say("The date of the credential's scope is not that of the request: \"" + s.scope.date + "\" and \"" + s.timeText[:len(amzDay)] + "\".")
	}
	return nil
}

// parseSignTime reads a time in one of the formats that clients sign with. Times
// before 1970 are none.
func parseSignTime(text string) (time.Time, bool) {
	t, err := time.Parse(amzTime, text)
	if err != nil {
		if t, err = http.ParseTime(text); err != nil {
			if t, err = time.Parse(time.RFC1123Z, text); err != nil {
				return time.Time{}, false
			}
		}
	}
	return t.UTC(), t.Unix() >= 0
}

// matchV4 compares the signature with those that the request may have, whose
// query m.readParams has read.
func (v *Verifier) matchV4(m *message, s *v4, key *signingKey, inQuery bool) error {
	if name := s.unsigned(m); name != "" {
		return AccessDenied.Say("There were headers present in the request which were not signed").With("HeadersNotSigned", name)
	}
	payloads, err := m.payloads(s, inQuery)
	if err != nil {
		return err
	}
	var given [sha256.Size]byte
	if _, err := hex.Decode(given[:], s.signature); err != nil {
		return AuthorizationHeaderMalformed
	}
	var first, firstCanonical []byte
	for _, f := range m.forms(v.config.PublicHosts) {
		for _, payload := range payloads {
			m.writeCanonical(s, f, payload)
			m.writeToSign(s)
			sum := key.sign(m.toSign)
			if same(sum[:], given[:]) {
				return nil
			}
			if first == nil {
				first, firstCanonical = bytes.Clone(m.toSign), bytes.Clone(m.text)
			}
		}
	}
	return v.mismatch(s.scope.accessKey, string(s.signature), first, firstCanonical)
}

// unsigned returns the first x-amz- header that is not signed, "" where all are.
// x-amz-content-sha256 is a part of what is signed in any case, or says how an
// unsigned body is framed.
func (s *v4) unsigned(m *message) string {
	for i := range m.fields {
		name := m.fields[i].name
		if hasAmzPrefix(name) && !equalFoldASCII(name, hContentSHA256) && !s.signs(name) {
			return lowerName(name)
		}
	}
	return ""
}

// payloads returns the digests that a client may have signed for the body. Most
// say which; curl before 8 does not, and signs the digest of no body for a file.
func (m *message) payloads(s *v4, inQuery bool) ([]string, error) {
	switch {
	case s.payload != "":
		return []string{s.payload}, nil
	case inQuery:
		return []string{UnsignedPayload}, nil
	case m.body != nil:
		body, err := m.body()
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(body)
		return []string{hex.EncodeToString(sum[:])}, nil
	}
	return []string{emptySHA256, UnsignedPayload}, nil
}

// writeCanonical writes the canonical request to m.text.
func (m *message) writeCanonical(s *v4, f form, payload string) {
	b := append(m.text[:0], m.method...)
	b = append(b, '\n')
	b = append(b, f.uri...)
	b = append(b, '\n')
	for i, p := range m.params {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, m.arena[p.name:p.value]...)
		b = append(b, '=')
		b = append(b, m.arena[p.value:p.end]...)
	}
	b = append(b, '\n')
	for rest := s.headers; len(rest) > 0; {
		var name []byte
		name, rest, _ = bytes.Cut(rest, []byte{';'})
		b = append(append(b, name...), ':')
		if equalFoldASCII(name, "host") {
			b = append(b, f.host...)
		} else {
			b = m.appendValues(b, name)
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, s.headers...)
	b = append(b, '\n')
	m.text = append(b, payload...)
}

// appendValues appends the values of a header, joined by commas, each without
// blanks around it and with one blank for several.
func (m *message) appendValues(b []byte, name []byte) []byte {
	first := true
	for i := range m.fields {
		if !equalFoldASCII(m.fields[i].name, name) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		blank := false
		for _, c := range bytes.Trim(m.fields[i].value, " \t") {
			if c == ' ' && blank {
				continue
			}
			blank = c == ' '
			b = append(b, c)
		}
	}
	return b
}

// writeToSign writes the string to sign of m.text to m.toSign.
func (m *message) writeToSign(s *v4) {
	sum := sha256.Sum256(m.text)
	b := append(m.toSign[:0], SchemeV4+"\n"...)
	b = append(append(b, s.timeText...), '\n')
	b = append(append(b, s.scopeText...), '\n')
	m.toSign = hex.AppendEncode(b, sum[:])
}
