package s3api

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// Signature Version 2, as in "Signing and Authenticating REST Requests" of the S3
// user guide.

// subresourcesV2 are the query parameters that a signature of Version 2 covers: S3's,
// and ours that says which bucket is meant.
var subresourcesV2 = [...]string{
	"accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "inventory", "lifecycle", "location",
	"logging", "metrics", "notification", "object-lock", "partNumber", "policy", QueryProvider, "replication", "requestPayment",
	"response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language",
	"response-content-type", "response-expires", "restore", "select", "select-type", "storageClass", "tagging",
	"torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
}

// verifyHeaderV2 verifies an Authorization header of Version 2: "AWS key:signature".
func (v *Verifier) verifyHeaderV2(m *message) (Signed, error) {
	authorization, _ := m.value(hAuthorization)
	credential, _ := strings.CutPrefix(string(authorization), SchemeV2+" ")
	i := strings.LastIndexByte(credential, ':')
	if i <= 0 || i == len(credential)-1 {
		return Signed{}, Argument(hAuthorization, string(authorization), "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature")
	}
	accessKey, signature := credential[:i], credential[i+1:]
	date, amz := m.value(hAmzDate)
	plain, _ := m.value("Date")
	dates := []string{string(plain)}
	if amz { // Date is signed as empty then; botocore signs it nevertheless
		dates = []string{"", string(plain)}
	} else {
		date = plain
	}
	t, ok := parseSignTime(string(date))
	if !ok {
		return Signed{}, errNoDate
	}
	token, _ := m.value(hSecurityToken)
	secret, err := v.secret(accessKey, string(token))
	if err != nil {
		return Signed{}, err
	}
	if err := v.checkClock(t); err != nil {
		return Signed{}, err
	}
	if err := v.matchV2(m, accessKey, secret, signature, dates); err != nil {
		return Signed{}, err
	}
	return Signed{AccessKey: accessKey, Token: string(token), Scheme: SchemeV2, Method: InHeader, Time: t.Truncate(time.Second)}, nil
}

// matchV2 compares a signature with those that the request may have: with each
// form of the resource and each of dates.
func (v *Verifier) matchV2(m *message, accessKey, secret, signature string, dates []string) error {
	var first []byte
	for _, resource := range m.resourcesV2() {
		for _, date := range dates {
			m.writeToSignV2(date, resource)
			if first == nil {
				first = bytes.Clone(m.toSign)
			}
			if same(signV2(secret, m.toSign), []byte(signature)) {
				return nil
			}
		}
	}
	return v.mismatch(accessKey, signature, first, nil)
}

// signV2 returns the signature of Version 2: HMAC-SHA1 in base64.
func signV2(secret string, toSign []byte) []byte {
	h := hmac.New(sha1.New, []byte(secret))
	h.Write(toSign)
	return base64.StdEncoding.AppendEncode(nil, h.Sum(nil))
}

// resourcesV2 lists the forms of the resource that may have been signed: without
// Prefix, as most clients sign, and as on the wire. botocore signs a slash behind
// a bucket that it does not send, and keeps the "=" of a parameter without a value.
func (m *message) resourcesV2() [][]byte {
	host := ""
	if m.virtual {
		host = "/" + m.bucket
	}
	paths := make([]string, 0, 4)
	if m.prefixed {
		bare := string(m.path[len(Prefix):])
		if bare == "" {
			bare = "/"
		}
		paths = append(paths, host+bare)
	}
	paths = append(paths, host+string(m.path))
	for _, path := range paths {
		if m.bucket != "" && strings.HasSuffix(path, "/"+m.bucket) {
			paths = append(paths, path+"/")
		}
	}
	emptyValues := bytes.Contains(m.query, []byte("=&")) || bytes.HasSuffix(m.query, []byte{'='})
	list := make([][]byte, 0, 8)
	for _, path := range paths {
		list = append(list, m.appendSubresources([]byte(path), false))
		if emptyValues {
			list = append(list, m.appendSubresources([]byte(path), true))
		}
	}
	return list
}

// writeToSignV2 writes the string to sign of Version 2 to m.toSign. x-amz- headers
// count in the query too: boto puts those of a presigned request there.
func (m *message) writeToSignV2(date string, resource []byte) {
	type header struct{ name, value string }
	var amz []header
	md5, contentType := "", ""
	add := func(name, value string) {
		switch {
		case name == "content-md5":
			md5 = value
		case name == "content-type":
			contentType = value
		case strings.HasPrefix(name, amzPrefix):
			for i := range amz {
				if amz[i].name == name {
					amz[i].value += "," + value
					return
				}
			}
			amz = append(amz, header{name, value})
		}
	}
	for name, value := range eachParam(m.query) {
		if n := lowerName(name); !m.has(n) {
			add(n, string(value))
		}
	}
	for i := range m.fields {
		add(lowerName(m.fields[i].name), string(bytes.Trim(m.fields[i].value, " \t")))
	}
	slices.SortFunc(amz, func(a, b header) int { return strings.Compare(a.name, b.name) })
	b := append(m.toSign[:0], m.method...)
	for _, line := range [...]string{md5, contentType, date} {
		b = append(append(b, '\n'), line...)
	}
	b = append(b, '\n')
	for _, h := range amz {
		b = append(append(append(append(b, h.name...), ':'), h.value...), '\n')
	}
	m.toSign = append(b, resource...)
}

// has reports whether a header is there.
func (m *message) has(name string) bool {
	_, ok := m.value(name)
	return ok
}

// appendSubresources appends those parameters of the query that are signed,
// decoded and sorted.
func (m *message) appendSubresources(b []byte, emptyValues bool) []byte {
	var found []string
	for name, value := range eachParam(m.query) {
		if !slices.Contains(subresourcesV2[:], string(name)) {
			continue
		}
		item := string(name)
		if len(value) > 0 || emptyValues {
			item += "=" + string(value)
		}
		found = append(found, item)
	}
	slices.Sort(found)
	separator := byte('?')
	for _, item := range found {
		b = append(append(b, separator), item...)
		separator = '&'
	}
	return b
}
