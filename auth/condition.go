package auth

import (
	"bytes"
	"encoding/base64"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answer is what is known of a yes-or-no question. They are in an order in which
// min is "and", max is "or".
type answer uint8

const (
	no answer = iota
	maybe
	yes
)

func answerOf(b bool) answer {
	if b {
		return yes
	}
	return no
}

// quantifier says how the several values of a request count.
type quantifier uint8

const (
	single quantifier = iota
	forAny
	forAll
)

// condition is one operator applied to one key.
type condition struct {
	key        string
	source     source
	op         *operator
	quantifier quantifier
	ifExists   bool
	deny       bool // the statement's effect
	plain      bool // no value has a wildcard or a variable
	texts      []string
	values     []matcher
	slot       int // of its answer; see memory
	keySlot    int // of the values that the request has of the key
}

// matcher tells whether a value of the request is what the policy says. resolved
// is false where that has a variable without a value.
type matcher func(value string, q *question) (matches, resolved bool)

// operator is a condition operator: what makes a matcher of a policy's value, and
// whether it asks for the opposite.
type operator struct {
	compile func(text string, variables bool) (matcher, error)
	negated bool
	null    bool // Null: the key's presence is the value
}

// operators are those of IAM, without their affixes.
var operators = map[string]*operator{
	"StringEquals":              {compile: text(false, false)},
	"StringNotEquals":           {compile: text(false, false), negated: true},
	"StringEqualsIgnoreCase":    {compile: text(false, true)},
	"StringNotEqualsIgnoreCase": {compile: text(false, true), negated: true},
	"StringLike":                {compile: text(true, false)},
	"StringNotLike":             {compile: text(true, false), negated: true},
	"NumericEquals":             {compile: number(func(c int) bool { return c == 0 })},
	"NumericNotEquals":          {compile: number(func(c int) bool { return c == 0 }), negated: true},
	"NumericLessThan":           {compile: number(func(c int) bool { return c < 0 })},
	"NumericLessThanEquals":     {compile: number(func(c int) bool { return c <= 0 })},
	"NumericGreaterThan":        {compile: number(func(c int) bool { return c > 0 })},
	"NumericGreaterThanEquals":  {compile: number(func(c int) bool { return c >= 0 })},
	"DateEquals":                {compile: date(func(c int) bool { return c == 0 })},
	"DateNotEquals":             {compile: date(func(c int) bool { return c == 0 }), negated: true},
	"DateLessThan":              {compile: date(func(c int) bool { return c < 0 })},
	"DateLessThanEquals":        {compile: date(func(c int) bool { return c <= 0 })},
	"DateGreaterThan":           {compile: date(func(c int) bool { return c > 0 })},
	"DateGreaterThanEquals":     {compile: date(func(c int) bool { return c >= 0 })},
	"Bool":                      {compile: boolean},
	"BinaryEquals":              {compile: octets},
	"IpAddress":                 {compile: address},
	"NotIpAddress":              {compile: address, negated: true},
	"ArnEquals":                 {compile: arn},
	"ArnLike":                   {compile: arn},
	"ArnNotEquals":              {compile: arn, negated: true},
	"ArnNotLike":                {compile: arn, negated: true},
	"Null":                      {compile: boolean, null: true},
}

// compileConditions reads a Condition: operators, of keys, of values. They must all
// hold.
func compileConditions(n node, deny, variables bool) ([]condition, error) {
	var list []condition
	for _, m := range n.members {
		c := condition{deny: deny, plain: true}
		if err := c.setOperator(m.name); err != nil {
			return nil, err
		}
		if m.value.members == nil {
			return nil, PolicyError("Policy has a condition without keys: " + m.name)
		}
		for _, k := range m.value.members {
			one := c
			if err := one.setKey(k.name); err != nil {
				return nil, err
			}
			if err := one.setValues(k.value, variables); err != nil {
				return nil, err
			}
			list = append(list, one)
		}
	}
	return list, nil
}

func (c *condition) setOperator(name string) error {
	base := name
	if rest, ok := strings.CutPrefix(base, "ForAnyValue:"); ok {
		base, c.quantifier = rest, forAny
	} else if rest, ok := strings.CutPrefix(base, "ForAllValues:"); ok {
		base, c.quantifier = rest, forAll
	}
	base, c.ifExists = strings.CutSuffix(base, "IfExists")
	c.op = operators[base]
	if c.op == nil || c.op.null && base != name {
		return PolicyError("Policy has an invalid condition operator: " + name)
	}
	return nil
}

// s3Keys are the condition keys of S3, besides those that are named after headers
// (s3:x-amz-…) and tags.
var s3Keys = []string{
	"s3:accesspointnetworkorigin", "s3:authtype", "s3:dataaccesspointaccount", "s3:dataaccesspointarn", "s3:delimiter",
	"s3:if-match", "s3:if-none-match", "s3:locationconstraint", "s3:max-keys", "s3:object-lock-legal-hold",
	"s3:object-lock-mode", "s3:object-lock-remaining-retention-days", "s3:object-lock-retain-until-date",
	"s3:objectcreationoperation", "s3:prefix", "s3:requestobjecttagkeys", "s3:resourceaccount", "s3:signatureage",
	"s3:signatureversion", "s3:tlsversion", "s3:versionid",
}

const (
	existingTag = "s3:existingobjecttag/"
	requestTag  = "s3:requestobjecttag/"
)

// setKey checks the key: one of S3's that does not exist would never be there, and
// a Deny under it never apply.
func (c *condition) setKey(name string) error {
	c.key = conditionKey(name)
	c.source = sourceOf(c.key)
	vendor, rest, ok := strings.Cut(c.key, ":")
	valid := ok && rest != "" && isWord(vendor, "-")
	if valid && vendor == "s3" {
		valid = slices.Contains(s3Keys, c.key) || strings.HasPrefix(rest, "x-amz-") ||
			len(c.key) > len(existingTag) && strings.HasPrefix(c.key, existingTag) ||
			len(c.key) > len(requestTag) && strings.HasPrefix(c.key, requestTag) ||
			strings.HasPrefix(c.key, "s3:buckettag/")
	}
	if !valid {
		return PolicyError("Policy has an invalid condition key: " + name)
	}
	return nil
}

func (c *condition) setValues(n node, variables bool) error {
	texts, ok := n.scalars()
	if !ok {
		return PolicyError("Policy has a condition without values: " + c.key)
	}
	for _, text := range texts {
		m, err := c.op.compile(text, variables)
		if err != nil {
			return err
		}
		c.values = append(c.values, m)
		c.plain = c.plain && !strings.ContainsAny(text, "*?$")
	}
	c.texts = texts
	return nil
}

// holds says whether the condition holds for what is asked.
func (c *condition) holds(q *question, m *memory) answer {
	var values []string
	if c.source == ofRequest {
		values = m.context(c, q)
	} else {
		var known bool
		if values, known = q.values(c.key, c.source); !known {
			return maybe
		}
	}
	if c.op.null {
		absent := "true"
		if len(values) > 0 {
			absent = "false"
		}
		return c.compare(absent, q)
	}
	if len(values) == 0 {
		return answerOf(c.ifExists || c.quantifier == forAll || c.quantifier == single && c.op.negated)
	}
	// With one value all three are the same. Of several, without a quantifier, one
	// must be what the policy says, and none what it says must not be.
	every := c.quantifier == forAll || c.quantifier == single && c.op.negated
	result := answerOf(every)
	for _, value := range values {
		if one := c.compare(value, q); every {
			result = min(result, one)
		} else {
			result = max(result, one)
		}
	}
	return result
}

// compare says whether one value of the request is as the operator wants it. What
// cannot be known for want of a variable's value makes no Allow apply.
func (c *condition) compare(value string, q *question) answer {
	q.unsure = false
	unresolved := false
	for _, match := range c.values {
		matches, resolved := match(value, q)
		if matches {
			return answerOf(!c.op.negated)
		}
		unresolved = unresolved || !resolved
	}
	switch {
	case q.unsure:
		return maybe
	case c.op.negated && unresolved:
		return answerOf(c.deny)
	}
	return answerOf(c.op.negated)
}

// narrows are the keys of which a fixed value makes a policy that is for everybody
// not public (S3, "the meaning of public").
var narrows = []string{
	"aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:sourceaccount", "aws:sourcearn",
	"aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce", "aws:userid", "aws:username",
	"s3:dataaccesspointaccount", "s3:dataaccesspointarn",
}

// restricts reports whether the condition leaves only named users, or networks
// that are not vast.
func (c condition) restricts() bool {
	switch {
	case c.op.negated || c.op.null || c.ifExists || c.quantifier == forAll:
		return false
	case c.key == "aws:sourceip":
		return !slices.ContainsFunc(c.texts, vast)
	}
	return c.plain && slices.Contains(narrows, c.key)
}

// vast reports whether a network is as good as everybody: wider than /8 of IPv4 or
// /32 of IPv6, or no network.
func vast(text string) bool {
	p, err := parseNetwork(text)
	if err != nil {
		return true
	}
	if p.Addr().Is4() {
		return p.Bits() < 8
	}
	return p.Bits() < 32
}

// text compiles what is compared as text, with wildcards or folded.
func text(wild, fold bool) func(string, bool) (matcher, error) {
	return func(text string, variables bool) (matcher, error) {
		p, err := compilePattern(text, wild, variables, fold)
		return p.matchWith, err
	}
}

// number compiles what is compared as numbers: holds is given the order of the
// request's to the policy's.
func number(holds func(order int) bool) func(string, bool) (matcher, error) {
	return func(text string, _ bool) (matcher, error) {
		want, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(want) {
			return nil, PolicyError("Policy has a condition with what is no number: " + text)
		}
		return func(value string, _ *question) (bool, bool) {
			got, err := strconv.ParseFloat(value, 64)
			if err != nil || math.IsNaN(got) {
				return false, true
			}
			switch {
			case got < want:
				return holds(-1), true
			case got > want:
				return holds(1), true
			}
			return holds(0), true
		}, nil
	}
}

// date is number for times.
func date(holds func(order int) bool) func(string, bool) (matcher, error) {
	return func(text string, _ bool) (matcher, error) {
		want, ok := parseDate(text)
		if !ok {
			return nil, PolicyError("Policy has a condition with what is no date: " + text)
		}
		return func(value string, q *question) (bool, bool) {
			got, ok := q.parseDate(value)
			return ok && holds(got.Compare(want)), true
		}, nil
	}
}

// parseDate reads ISO 8601 as the W3C has it, or seconds since 1970.
func parseDate(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "20060102T150405Z", time.DateOnly, "2006-01"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(seconds) > 1<<40 || math.IsNaN(seconds) {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(seconds * 1000)), true
}

func boolean(text string, _ bool) (matcher, error) {
	want, err := parseBool(text)
	if err != nil {
		return nil, err
	}
	return func(value string, _ *question) (bool, bool) {
		got, err := parseBool(value)
		return err == nil && got == want, true
	}, nil
}

func parseBool(text string) (bool, error) {
	switch {
	case strings.EqualFold(text, "true"):
		return true, nil
	case strings.EqualFold(text, "false"):
		return false, nil
	}
	return false, PolicyError("Policy has a condition with what is neither true nor false: " + text)
}

// octets compiles base64; the request's value is base64, too.
func octets(text string, _ bool) (matcher, error) {
	want, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, PolicyError("Policy has a condition with what is not base64: " + text)
	}
	return func(value string, _ *question) (bool, bool) {
		got, err := base64.StdEncoding.DecodeString(value)
		return err == nil && bytes.Equal(got, want), true
	}, nil
}

func address(text string, _ bool) (matcher, error) {
	want, err := parseNetwork(text)
	if err != nil {
		return nil, PolicyError("Policy has a condition with what is no network: " + text)
	}
	return func(value string, q *question) (bool, bool) {
		return want.Contains(q.parseAddress(value)), true
	}, nil
}

// parseNetwork reads an address or a network in CIDR form, whose bits beyond the
// mask do not matter. IPv4 in IPv6 is IPv4.
func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, err
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// arn compiles an ARN, each of whose six parts may have wildcards of its own.
func arn(text string, variables bool) (matcher, error) {
	parts := strings.SplitN(text, ":", 6)
	if text == "*" {
		parts = []string{"*", "*", "*", "*", "*", "*"}
	}
	if len(parts) < 6 {
		return nil, PolicyError("Policy has a condition with what is no ARN: " + text)
	}
	patterns := make([]pattern, len(parts))
	for i, part := range parts {
		p, err := compilePattern(part, true, variables, false)
		if err != nil {
			return nil, err
		}
		patterns[i] = p
	}
	return func(value string, q *question) (bool, bool) {
		got, ok := q.splitARN(value)
		if !ok {
			return false, true
		}
		for i := range patterns {
			if matches, resolved := patterns[i].matchWith(got[i], q); !matches {
				return false, resolved
			}
		}
		return true, true
	}, nil
}
