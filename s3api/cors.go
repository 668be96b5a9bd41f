package s3api

import (
	"slices"
	"strings"
	"sync"
)

// Cross-origin resource sharing, as in "Using cross-origin resource sharing
// (CORS)" of the S3 user guide and the CORS protocol of the Fetch standard.

// Bounds of a CORS configuration.
const (
	maxCORSRules = 100
	maxCORSID    = 255
)

// CORSRules is a bucket's CORS configuration, in the order in which rules are tried.
type CORSRules []CORSRule

// CORSRule allows requests of some origins.
type CORSRule struct {
	ID      string
	Origins []string // with at most one "*" each
	Methods []string // GET, PUT, POST, DELETE, HEAD
	Headers []string // that a preflight may ask for; with at most one "*" each
	Expose  []string // headers of answers that scripts may see
	MaxAge  int      // seconds that a preflight may be kept; −1 for not said
}

// CORSMatch is what a rule allows one request.
type CORSMatch struct {
	Origin  string   // for Access-Control-Allow-Origin: "*" or the request's
	Methods []string // for Access-Control-Allow-Methods
	Headers []string // for Access-Control-Allow-Headers: those asked for
	Expose  []string // for Access-Control-Expose-Headers
	MaxAge  int      // for Access-Control-Max-Age; −1 for none
}

// ParseCORS reads a CORSConfiguration. The error is MalformedXML, or
// InvalidRequest for a rule that means nothing.
func ParseCORS(data []byte) (CORSRules, error) {
	type other struct{}
	var doc struct {
		Rules []struct {
			ID      string
			Origins []string `xml:"AllowedOrigin"`
			Methods []string `xml:"AllowedMethod"`
			Headers []string `xml:"AllowedHeader"`
			Expose  []string `xml:"ExposeHeader"`
			MaxAge  *int     `xml:"MaxAgeSeconds"`
			Other   []other  `xml:",any"`
		} `xml:"CORSRule"`
		Other []other `xml:",any"`
	}
	if err := unmarshal(data, "CORSConfiguration", &doc); err != nil {
		return nil, err
	}
	if len(doc.Rules) == 0 || len(doc.Other) > 0 {
		return nil, MalformedXML
	}
	if len(doc.Rules) > maxCORSRules {
		return nil, InvalidRequest.Say("The number of CORS rules should not exceed allowed limit of " + itoa(maxCORSRules) + " rules.")
	}
	rules := make(CORSRules, 0, len(doc.Rules))
	for _, r := range doc.Rules {
		if len(r.Other) > 0 {
			return nil, MalformedXML
		}
		rule := CORSRule{ID: r.ID, Origins: r.Origins, Methods: r.Methods, Headers: r.Headers, Expose: r.Expose, MaxAge: -1}
		if r.MaxAge != nil {
			rule.MaxAge = *r.MaxAge
		}
		if err := rule.check(r.MaxAge != nil); err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// corsMethods are the methods that a rule may allow.
var corsMethods = [...]string{"GET", "PUT", "POST", "DELETE", "HEAD"}

// check reports what is wrong with a rule.
func (rule *CORSRule) check(hasAge bool) error {
	if len(rule.Origins) == 0 || len(rule.Methods) == 0 || len(rule.ID) > maxCORSID || hasAge && rule.MaxAge < 0 {
		return MalformedXML
	}
	for _, m := range rule.Methods {
		if !slices.Contains(corsMethods[:], m) {
			return InvalidRequest.Say("Found unsupported HTTP method in CORS config. Unsupported method is " + m)
		}
	}
	for _, o := range rule.Origins {
		if strings.Count(o, "*") > 1 {
			return InvalidRequest.Say("AllowedOrigin \"" + o + "\" can not have more than one wildcard.")
		}
	}
	for _, h := range rule.Headers {
		if strings.Count(h, "*") > 1 {
			return InvalidRequest.Say("AllowedHeader \"" + h + "\" can not have more than one wildcard.")
		}
	}
	for _, h := range rule.Expose {
		if strings.Contains(h, "*") {
			return InvalidRequest.Say("ExposeHeader \"" + h + "\" contains wildcard. We currently do not support wildcard for ExposeHeader.")
		}
	}
	for _, text := range slices.Concat(rule.Origins, rule.Headers, rule.Expose) {
		if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return MalformedXML // it would end up in a header
		}
	}
	return nil
}

// AppendCORS appends the CORSConfiguration of rules.
func AppendCORS(b []byte, rules CORSRules) []byte {
	b = append(b, "<CORSConfiguration"+xmlns+">"...)
	for i := range rules {
		rule := &rules[i]
		b = append(b, "<CORSRule>"...)
		if rule.ID != "" {
			b = appendElement(b, "ID", rule.ID)
		}
		for _, list := range [...]struct {
			name   string
			values []string
		}{{"AllowedOrigin", rule.Origins}, {"AllowedMethod", rule.Methods}, {"AllowedHeader", rule.Headers}, {"ExposeHeader", rule.Expose}} {
			for _, value := range list.values {
				b = appendElement(b, list.name, value)
			}
		}
		if rule.MaxAge >= 0 {
			b = appendElement(b, "MaxAgeSeconds", itoa(int64(rule.MaxAge)))
		}
		b = append(b, "</CORSRule>"...)
	}
	return append(b, "</CORSConfiguration>"...)
}

// Match returns what the first rule that matches allows; nil for none. Origins
// are compared as they are, header names in any case.
func (rules CORSRules) Match(origin, method string, requestHeaders []string) *CORSMatch {
	for i := range rules {
		rule := &rules[i]
		if !slices.Contains(rule.Methods, method) || !rule.allowsHeaders(requestHeaders) {
			continue
		}
		for _, pattern := range rule.Origins {
			if !matchesWildcard(pattern, origin) {
				continue
			}
			m := &CORSMatch{Origin: origin, Methods: rule.Methods, Headers: requestHeaders, Expose: rule.Expose, MaxAge: rule.MaxAge}
			if pattern == "*" {
				m.Origin = "*"
			}
			return m
		}
	}
	return nil
}

// allowsHeaders reports whether each of names matches an AllowedHeader.
func (rule *CORSRule) allowsHeaders(names []string) bool {
	for _, name := range names {
		name = strings.ToLower(name)
		if !slices.ContainsFunc(rule.Headers, func(pattern string) bool { return matchesWildcard(strings.ToLower(pattern), name) }) {
			return false
		}
	}
	return true
}

// matchesWildcard reports whether text is what pattern says, with a "*" standing
// for any text, the empty one included.
func matchesWildcard(pattern, text string) bool {
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == text
	}
	return len(text) >= len(before)+len(after) && strings.HasPrefix(text, before) && strings.HasSuffix(text, after)
}

// CORSCache keeps the rules of CORS documents, so that they are parsed once. It
// is safe for concurrent use.
type CORSCache struct{ rules sync.Map } // bucket name → cachedCORS

type cachedCORS struct {
	document string
	rules    CORSRules
}

// Rules returns the rules of a bucket's document, in the form of AppendCORS; nil
// for "", or for one that cannot be read.
func (c *CORSCache) Rules(bucket, document string) CORSRules {
	if document == "" {
		c.rules.Delete(bucket)
		return nil
	}
	if v, ok := c.rules.Load(bucket); ok && v.(cachedCORS).document == document {
		return v.(cachedCORS).rules
	}
	rules, err := ParseCORS([]byte(document))
	if err != nil { // nothing that was accepted once; no origin is allowed then
		rules = nil
	}
	c.rules.Store(bucket, cachedCORS{document, rules})
	return rules
}
