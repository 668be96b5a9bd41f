package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"sort"
	"strings"
	"time"
)

// signer makes SigV4 headers with an unsigned payload. One worker uses it.
type signer struct {
	access, secret, region string

	day string // of key
	key []byte
}

const unsignedPayload = "UNSIGNED-PAYLOAD"

// sign appends the header lines of a signed request to dst. headers are those
// that S3 wants signed, as "name:value", sorted, in lower case.
func (s *signer) sign(dst []byte, now time.Time, method, host, path, query string, headers []string) []byte {
	stamp := now.UTC().Format("20060102T150405Z")
	day := stamp[:8]
	lines := append([]string{"host:" + host, "x-amz-content-sha256:" + unsignedPayload, "x-amz-date:" + stamp}, headers...)
	sort.Strings(lines)
	names := make([]string, len(lines))
	for i, line := range lines {
		names[i], _, _ = strings.Cut(line, ":")
	}
	signed := strings.Join(names, ";")
	canonical := method + "\n" + path + "\n" + canonicalQuery(query) + "\n" + strings.Join(lines, "\n") + "\n\n" + signed + "\n" + unsignedPayload
	sum := sha256.Sum256([]byte(canonical))
	scope := day + "/" + s.region + "/s3/aws4_request"
	if s.day != day {
		key := mac([]byte("AWS4"+s.secret), day)
		s.key, s.day = mac(mac(mac(key, s.region), "s3"), "aws4_request"), day
	}
	signature := hex.EncodeToString(mac(s.key, "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hex.EncodeToString(sum[:])))
	dst = append(dst, "x-amz-date: "+stamp+"\r\nx-amz-content-sha256: "+unsignedPayload+"\r\nAuthorization: AWS4-HMAC-SHA256 Credential="...)
	return append(dst, s.access+"/"+scope+", SignedHeaders="+signed+", Signature="+signature+"\r\n"...)
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func canonicalQuery(query string) string {
	if query == "" {
		return ""
	}
	parts := strings.Split(query, "&")
	for i, p := range parts {
		name, value, _ := strings.Cut(p, "=")
		parts[i] = name + "=" + value // names and values are escaped already
	}
	sort.Strings(parts)
	return strings.Join(parts, "&")
}

// escape escapes a path or, with slash false, a query value, as SigV4 wants it.
func escape(s string, slash bool) string {
	s = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	if slash {
		s = strings.ReplaceAll(s, "%2F", "/")
	}
	return s
}
