package auth

import (
	"cmp"
	"slices"
	"strings"
)

// Request is what of a request a ticket is bound to, as it is on the wire:
// nothing decoded, nothing normalised.
type Request struct {
	Method   string
	RawPath  string // before the "?"
	RawQuery string // after the "?"; parameters named TicketParam are left out of account
	// Headers calls yield for each header of the request; nil is none. It may
	// yield all: only those that change the meaning of a request count.
	Headers func(yield func(name, value string))
}

// bound reports whether a ticket is bound to the header, in any case: x-amz-*,
// if-* and content-md5, which change what a request means. Not bound are
// Range, which chooses among bytes that may all be read, and two that belong
// to a signature and change when a client signs again for the target:
// x-amz-date and x-amz-security-token.
func bound(name string) bool {
	if hasPrefixFold(name, "x-amz-") {
		return !strings.EqualFold(name, "x-amz-date") && !strings.EqualFold(name, "x-amz-security-token")
	}
	return hasPrefixFold(name, "if-") || strings.EqualFold(name, "content-md5")
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

type header struct{ name, value string }

// appendCanonical appends the canonical form of r: method, path, query without
// tickets, number of bound headers, and those, names in lower case and values
// without surrounding blanks, sorted. Every text has its length in front, so
// no two requests share a form.
func (r Request) appendCanonical(buf []byte) []byte {
	buf = appendField(buf, r.Method)
	buf = appendField(buf, r.RawPath)
	buf = appendField(buf, WithoutTicket(withoutRepeat(r.RawQuery)))
	var space [16]header
	headers := space[:0]
	if r.Headers != nil {
		r.Headers(func(name, value string) {
			if bound(name) {
				headers = append(headers, header{strings.ToLower(name), strings.Trim(value, " \t")})
			}
		})
	}
	slices.SortFunc(headers, func(a, b header) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})
	buf = append(buf, byte(len(headers)>>8), byte(len(headers)))
	for _, h := range headers {
		buf = appendField(buf, h.name)
		buf = appendField(buf, h.value)
	}
	return buf
}

// WithTicket returns the raw query with the ticket as its only TicketParam.
func WithTicket(rawQuery, ticket string) string {
	rawQuery = WithoutTicket(rawQuery)
	if rawQuery == "" {
		return TicketParam + "=" + ticket
	}
	return rawQuery + "&" + TicketParam + "=" + ticket
}

// withoutRepeat returns the raw query without what follows its ticket where that is
// word for word what precedes it: some clients add the parameters of their request
// to the URL that they were redirected to once more, which changes nothing.
func withoutRepeat(rawQuery string) string {
	at := strings.Index(rawQuery, "&"+TicketParam+"=")
	if at < 0 {
		return rawQuery
	}
	ticket, rest, _ := strings.Cut(rawQuery[at+1:], "&")
	if rest != rawQuery[:at] {
		return rawQuery
	}
	return rawQuery[:at+1] + ticket
}

// WithoutTicket returns the raw query without any TicketParam, the rest as it
// was, but for the separators of what was left out.
func WithoutTicket(rawQuery string) string {
	if !strings.Contains(rawQuery, TicketParam) {
		return rawQuery
	}
	var b strings.Builder
	b.Grow(len(rawQuery))
	first := true
	for param := range strings.SplitSeq(rawQuery, "&") {
		if isTicket(param) {
			continue
		}
		if !first {
			b.WriteByte('&')
		}
		first = false
		b.WriteString(param)
	}
	return b.String()
}

// FindTicket returns the ticket in a raw query; "" where there is none. Of
// several the last counts, for a proxy appends.
func FindTicket(rawQuery string) string {
	if !strings.Contains(rawQuery, TicketParam) {
		return ""
	}
	ticket := ""
	for param := range strings.SplitSeq(rawQuery, "&") {
		if isTicket(param) {
			_, ticket, _ = strings.Cut(param, "=")
		}
	}
	return ticket
}

func isTicket(param string) bool {
	name, _, _ := strings.Cut(param, "=")
	return name == TicketParam
}
