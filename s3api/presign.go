package s3api

import (
	"strconv"
	"strings"
	"time"
)

// MaxPresign is how long a URL signed with Version 4 may be good for.
const MaxPresign = 7 * 24 * time.Hour

const signatureParam = "X-Amz-Signature"

// verifyQueryV4 verifies a URL that was signed with Version 4.
func (v *Verifier) verifyQueryV4(m *message, services []string) (Signed, error) {
	s, expires, err := parseQueryV4(m, services)
	if err != nil {
		return Signed{}, err
	}
	key, err := v.keyV4(&s)
	if err != nil {
		return Signed{}, err
	}
	now := v.config.Now()
	if s.time.Sub(now) > v.config.Skew {
		return Signed{}, AccessDenied.Say("Request is not valid yet").
			With("RequestTime", s.time.Format(time.RFC3339)).With("ServerTime", now.UTC().Format(time.RFC3339))
	}
	if end := s.time.Add(expires); !now.Before(end) {
		return Signed{}, v.errExpired(end).With("X-Amz-Expires", itoa(int64(expires/time.Second)))
	}
	m.readParams(signatureParam)
	if err := v.matchV4(m, &s, key, true); err != nil {
		return Signed{}, err
	}
	return s.signed(InQuery), nil
}

// parseQueryV4 reads the parameters of a URL signed with Version 4.
func parseQueryV4(m *message, services []string) (s v4, expires time.Duration, err error) {
	var algorithm, credential, date, lifetime string
	for name, value := range eachParam(m.query) {
		switch string(name) {
		case "X-Amz-Algorithm":
			algorithm = string(value)
		case "X-Amz-Credential":
			credential = string(value)
		case "X-Amz-Date":
			date = string(value)
		case "X-Amz-Expires":
			lifetime = string(value)
		case "X-Amz-SignedHeaders":
			s.headers = append([]byte(nil), value...)
		case signatureParam:
			s.signature = append([]byte(nil), value...)
		case "X-Amz-Security-Token":
			s.token = string(value)
		case "X-Amz-Content-Sha256":
			s.payload = string(value)
		}
	}
	if algorithm == "" || credential == "" || date == "" || lifetime == "" || len(s.headers) == 0 || len(s.signature) == 0 {
		return s, 0, AuthorizationQueryError.Say("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
	}
	if algorithm != SchemeV4 {
		return s, 0, AuthorizationQueryError.Say("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")
	}
	if err := s.readCredential(credential, services); err != nil {
		return s, 0, AuthorizationQueryError.Say("Error parsing the X-Amz-Credential parameter; " + err.Error())
	}
	if expires, err = parseExpires(lifetime); err != nil {
		return s, 0, err
	}
	t, err := time.Parse(amzTime, date)
	if err != nil {
		return s, 0, AuthorizationQueryError.Say("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
	}
	s.time, s.timeText = t, date
	switch {
	case date[:len(amzDay)] != s.scope.date:
		return s, 0, AuthorizationQueryError.Say("Invalid credential date \"" + s.scope.date + "\". This date is not the same as X-Amz-Date: \"" + date[:len(amzDay)] + "\".")
	case !s.signsHost():
		return s, 0, AuthorizationQueryError.Say("X-Amz-SignedHeaders must have host.")
	case !isSignature(s.signature):
		return s, 0, AuthorizationQueryError.Say("X-Amz-Signature must be 64 hexadecimal digits.")
	}
	if s.payload == "" && s.signs([]byte(hContentSHA256)) {
		value, _ := m.value(hContentSHA256)
		s.payload = string(value)
	}
	return s, expires, nil
}

// parseExpires reads X-Amz-Expires. A number out of range is 403: such a URL was
// never good, or is so no longer.
func parseExpires(text string) (time.Duration, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, AuthorizationQueryError.Say("X-Amz-Expires should be a number")
	}
	refused := *AuthorizationQueryError
	refused.Status = 403
	if n < 0 {
		return 0, refused.Say("X-Amz-Expires must be non-negative")
	}
	if n > int64(MaxPresign/time.Second) {
		return 0, refused.Say("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	return time.Duration(n) * time.Second, nil
}

// verifyQueryV2 verifies a URL that was signed with Version 2.
func (v *Verifier) verifyQueryV2(m *message) (Signed, error) {
	var accessKey, signature, expires, token string
	for name, value := range eachParam(m.query) {
		switch string(name) {
		case "AWSAccessKeyId":
			accessKey = string(value)
		case "Signature":
			signature = string(value)
		case "Expires":
			expires = string(value)
		default:
			if strings.EqualFold(string(name), hSecurityToken) {
				token = string(value)
			}
		}
	}
	if accessKey == "" || signature == "" || expires == "" {
		return Signed{}, AccessDenied.Say("Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
	}
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return Signed{}, AccessDenied.Say("Invalid date (should be seconds since epoch): " + expires)
	}
	if value, ok := m.value(hSecurityToken); ok {
		token = string(value)
	}
	secret, err := v.secret(accessKey, token)
	if err != nil {
		return Signed{}, err
	}
	if end := time.Unix(seconds, 0); !v.config.Now().Before(end) {
		return Signed{}, v.errExpired(end)
	}
	if err := v.matchV2(m, accessKey, secret, signature, []string{expires}); err != nil {
		return Signed{}, err
	}
	return Signed{AccessKey: accessKey, Token: token, Scheme: SchemeV2, Method: InQuery}, nil
}
