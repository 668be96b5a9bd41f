package s3api

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// errPolicyDocument is for a policy of a form that cannot be read.
var errPolicyDocument = &Error{Code: "InvalidPolicyDocument", Status: 400, Message: "The content of the form does not meet the conditions specified in the policy document."}

// VerifyPost verifies the signature of a form's policy, and the policy against
// the form. A form without a policy is anonymous: the zero Signed.
func (v *Verifier) VerifyPost(f *PostForm) (Signed, error) {
	policy, hasPolicy := f.Fields["policy"]
	_, isV4 := f.Fields["x-amz-credential"]
	_, isV2 := f.Fields["awsaccesskeyid"]
	switch {
	case !hasPolicy && !isV4 && !isV2:
		return Signed{}, nil
	case !hasPolicy:
		return Signed{}, missingField("policy")
	case !isV4 && !isV2:
		return Signed{}, missingField("AWSAccessKeyId")
	}
	verify := v.verifyPostV2
	if isV4 {
		verify = v.verifyPostV4
	}
	signed, err := verify(f, policy)
	if err != nil {
		return Signed{}, err
	}
	p, err := parsePostPolicy(policy)
	if err != nil {
		return Signed{}, err
	}
	return signed, p.check(f, v.config.Now())
}

func missingField(name string) error {
	return InvalidArgument.Say("Bucket POST must contain a field named '"+name+"'.  If it is specified, please check the order of the fields.").
		With("ArgumentName", name).With("ArgumentValue", "")
}

// verifyPostV2 verifies a policy that was signed with Version 2.
func (v *Verifier) verifyPostV2(f *PostForm, policy string) (Signed, error) {
	signature, ok := f.Fields["signature"]
	if !ok {
		return Signed{}, missingField("Signature")
	}
	accessKey, token := f.Fields["awsaccesskeyid"], f.Fields["x-amz-security-token"]
	secret, err := v.secret(accessKey, token)
	if err != nil {
		return Signed{}, err
	}
	if !same(signV2(secret, []byte(policy)), []byte(signature)) {
		return Signed{}, v.mismatch(accessKey, signature, []byte(policy), nil)
	}
	return Signed{AccessKey: accessKey, Token: token, Scheme: SchemeV2, Method: InForm}, nil
}

// verifyPostV4 verifies a policy that was signed with Version 4.
func (v *Verifier) verifyPostV4(f *PostForm, policy string) (Signed, error) {
	for _, name := range [...]string{"x-amz-algorithm", "x-amz-date", "x-amz-signature"} {
		if f.Fields[name] == "" {
			return Signed{}, missingField(name)
		}
	}
	if a := f.Fields["x-amz-algorithm"]; a != SchemeV4 {
		return Signed{}, Argument("x-amz-algorithm", a, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")
	}
	var s v4
	if err := s.readCredential(f.Fields["x-amz-credential"], []string{"s3"}); err != nil {
		return Signed{}, Argument("x-amz-credential", f.Fields["x-amz-credential"], "Error parsing the X-Amz-Credential parameter; "+err.Error())
	}
	t, err := time.Parse(amzTime, f.Fields["x-amz-date"])
	if err != nil || t.Format(amzDay) != s.scope.date {
		return Signed{}, Argument("x-amz-date", f.Fields["x-amz-date"], "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\", on the day of the credential")
	}
	s.time, s.token = t, f.Fields["x-amz-security-token"]
	key, err := v.keyV4(&s)
	if err != nil {
		return Signed{}, err
	}
	sum := key.sign([]byte(policy))
	given, err := hex.DecodeString(f.Fields["x-amz-signature"])
	if err != nil || !same(given, sum[:]) {
		return Signed{}, v.mismatch(s.scope.accessKey, f.Fields["x-amz-signature"], []byte(policy), nil)
	}
	return s.signed(InForm), nil
}

// postPolicy is what a form may be.
type postPolicy struct {
	expires    time.Time
	conditions []condition
	sized      bool
	min, max   int64 // bytes of the file, where sized
}

// condition is one on a field.
type condition struct {
	field  string // in lower case
	prefix bool   // starts-with, not eq
	value  string
	text   string // as it was written, for an error
}

// parsePostPolicy reads a policy in base64. Names of fields and of operators are
// read in any case, "expiration" and "conditions" are not.
func parsePostPolicy(encoded string) (postPolicy, error) {
	var p postPolicy
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return p, errPolicyDocument.Say("Invalid Policy: the policy is not base64.")
	}
	var doc map[string]json.RawMessage
	if json.Unmarshal(data, &doc) != nil {
		return p, errPolicyDocument.Say("Invalid Policy: Invalid JSON.")
	}
	var expiration string
	var conditions []json.RawMessage
	for name, value := range doc {
		var err error
		switch name {
		case "expiration":
			err = json.Unmarshal(value, &expiration)
		case "conditions":
			err = json.Unmarshal(value, &conditions)
		default:
			return p, errPolicyDocument.Say("Invalid Policy: Unexpected: '" + name + "'.")
		}
		if err != nil {
			return p, errPolicyDocument.Say("Invalid Policy: Invalid '" + name + "'.")
		}
	}
	if p.expires, err = time.Parse("2006-01-02T15:04:05Z", expiration); err != nil {
		return p, errPolicyDocument.Say("Invalid Policy: Invalid 'expiration' value: '" + expiration + "'")
	}
	if conditions == nil {
		return p, errPolicyDocument.Say("Invalid Policy: Policy missing conditions.")
	}
	for _, c := range conditions {
		if err := p.addCondition(c); err != nil {
			return p, err
		}
	}
	return p, nil
}

// addCondition reads one condition: {"field": "value"}, ["eq", "$field",
// "value"], ["starts-with", "$field", "value"] or ["content-length-range", 1, 2].
func (p *postPolicy) addCondition(data json.RawMessage) error {
	bad := errPolicyDocument.Say("Invalid Policy: Invalid condition: " + string(data))
	var exact map[string]string
	if json.Unmarshal(data, &exact) == nil {
		if len(exact) != 1 {
			return bad
		}
		for name, value := range exact {
			p.conditions = append(p.conditions, condition{strings.ToLower(name), false, value, string(data)})
		}
		return nil
	}
	var list []any
	if json.Unmarshal(data, &list) != nil || len(list) != 3 {
		return bad
	}
	operator, _ := list[0].(string)
	operator = strings.ToLower(operator)
	if operator == "content-length-range" {
		least, ok1 := size(list[1])
		most, ok2 := size(list[2])
		if !ok1 || !ok2 || least > most {
			return bad
		}
		if !p.sized {
			p.sized, p.min, p.max = true, least, most
		} else { // both must hold
			p.min, p.max = max(p.min, least), min(p.max, most)
		}
		return nil
	}
	name, ok1 := list[1].(string)
	value, ok2 := list[2].(string)
	name, dollar := strings.CutPrefix(name, "$")
	if !ok1 || !ok2 || !dollar || name == "" || operator != "eq" && operator != "starts-with" {
		return bad
	}
	p.conditions = append(p.conditions, condition{strings.ToLower(name), operator == "starts-with", value, string(data)})
	return nil
}

// size reads a number of bytes, which some clients write as text.
func size(v any) (int64, bool) {
	switch v := v.(type) {
	case float64:
		return int64(v), v >= 0 && v <= 1<<53 && v == float64(int64(v))
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil && n >= 0
	}
	return 0, false
}

// check holds a form against the policy.
func (p *postPolicy) check(f *PostForm, now time.Time) error {
	refuse := func(why string) error { return AccessDenied.Say("Invalid according to Policy: " + why) }
	if !now.Before(p.expires) {
		return refuse("Policy expired.")
	}
	covered := make(map[string]bool, len(p.conditions))
	for _, c := range p.conditions {
		covered[c.field] = true
		if !c.holds(f) {
			return refuse("Policy Condition failed: " + c.text)
		}
	}
	if !covered["bucket"] {
		return refuse("the bucket is not among the conditions.")
	}
	for name := range f.Fields {
		if !covered[name] && !needsNoCondition(name) {
			return refuse("Extra input fields: " + name)
		}
	}
	switch {
	case p.sized && f.Size > p.max:
		return EntityTooLarge.With("ProposedSize", itoa(f.Size)).With("MaxSizeAllowed", itoa(p.max))
	case p.sized && f.Size < p.min:
		return EntityTooSmall.With("ProposedSize", itoa(f.Size)).With("MinSizeAllowed", itoa(p.min))
	}
	return nil
}

// holds reports whether a form meets the condition. A field that is not there is
// an empty one. A content type with commas is a list, all of which must match.
func (c *condition) holds(f *PostForm) bool {
	value := f.Fields[c.field]
	if c.field == "bucket" {
		value = f.Bucket
	}
	switch {
	case !c.prefix:
		return value == c.value
	case c.field == "content-type":
		for item := range strings.SplitSeq(value, ",") {
			if !strings.HasPrefix(strings.TrimSpace(item), c.value) {
				return false
			}
		}
		return true
	}
	return strings.HasPrefix(value, c.value)
}

// needsNoCondition reports whether a field may be in a form whose policy does not
// name it: those of the signature, those that are to be ignored, and checksums,
// which can only refuse a file.
func needsNoCondition(name string) bool {
	switch name {
	case "policy", "signature", "awsaccesskeyid", "x-amz-signature":
		return true
	}
	return strings.HasPrefix(name, "x-ignore-") || strings.HasPrefix(name, "x-amz-checksum-")
}
