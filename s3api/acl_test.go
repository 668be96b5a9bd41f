package s3api

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"ais/auth"
)

// someUsers is a cluster of three users, one with an e-mail address.
func someUsers(name string) (string, bool) {
	switch name {
	case "alice", "bob", "carol":
		return name, true
	case "bob@example.com":
		return "bob", true
	}
	return "", false
}

// grants makes an ACL of grantees and their permissions, taking turns.
func grants(grantee string, p auth.Permission, more ...any) auth.ACL {
	acl := auth.ACL{{Grantee: grantee, Permission: p}}
	for i := 0; i < len(more); i += 2 {
		acl = append(acl, auth.Grant{Grantee: more[i].(string), Permission: more[i+1].(auth.Permission)})
	}
	return acl
}

func names(id string) Owner { return Owner{ID: id, DisplayName: "<" + id + ">"} }

func TestParseACLHeaders(t *testing.T) {
	tests := []struct {
		name    string
		headers []string
		want    auth.ACL
		set     bool
		code    string
	}{
		{"nothing", nil, nil, false, ""},
		{"private", []string{"x-amz-acl: private"}, nil, true, ""},
		{"canned", []string{"x-amz-acl: public-read"}, grants(auth.AllUsers, auth.Read, "alice", auth.FullControl), true, ""},
		{"canned about the bucket's owner", []string{"x-amz-acl: bucket-owner-read"}, grants("alice", auth.FullControl, "carol", auth.Read), true, ""},
		{"unknown canned", []string{"x-amz-acl: wide-open"}, nil, false, "InvalidArgument"},
		{"a service's", []string{"x-amz-acl: aws-exec-read"}, nil, true, ""},
		{"one grant", []string{`x-amz-grant-read: id="bob"`}, grants("bob", auth.Read), true, ""},
		{"several", []string{`x-amz-grant-full-control: id=alice`, `x-amz-grant-read: uri="` + auth.AllUsers + `", emailAddress="bob@example.com"`, "x-amz-grant-read: ID = carol"},
			grants(auth.AllUsers, auth.Read, "bob", auth.Read, "carol", auth.Read, "alice", auth.FullControl), true, ""},
		{"nobody known", []string{"x-amz-grant-read: id=mallory"}, nil, false, "InvalidArgument"},
		{"an address for an id", []string{"x-amz-grant-read: id=bob@example.com"}, nil, false, "InvalidArgument"},
		{"no such address", []string{"x-amz-grant-read: emailAddress=x@example.com"}, nil, false, "UnresolvableGrantByEmailAddress"},
		{"an id for an address", []string{"x-amz-grant-read: emailAddress=bob"}, nil, false, "UnresolvableGrantByEmailAddress"},
		{"no group of S3", []string{"x-amz-grant-read: uri=http://example.com/all"}, nil, false, "InvalidArgument"},
		{"no kind", []string{"x-amz-grant-read: bob"}, nil, false, "InvalidArgument"},
		{"unknown kind", []string{"x-amz-grant-read: name=bob"}, nil, false, "InvalidArgument"},
		{"both", []string{"x-amz-acl: private", "x-amz-grant-read: id=bob"}, nil, false, "InvalidRequest"},
		{"too many", []string{"x-amz-grant-read: " + strings.Repeat("id=bob,", 101)}, nil, false, "InvalidRequest"},
	}
	for _, tt := range tests {
		acl, set, err := ParseACLRequest(newRequest(t, "PUT", "/bkt/k", tt.headers...), "alice", "carol", someUsers)
		if set != tt.set || !reflect.DeepEqual(acl, tt.want) || (err == nil) != (tt.code == "") || err != nil && FromError(err).Code != tt.code {
			t.Errorf("%s: %q %v %v", tt.name, acl, set, err)
		}
	}
	acl, set, err := ParseACLRequest(newRequest(t, "PUT", "/bkt/k?X-Amz-Acl=public-read&X-Amz-Signature=0a"), "alice", "", someUsers)
	if err != nil || !set || !acl.Public() {
		t.Errorf("in a presigned URL: %q %v %v", acl, set, err)
	}
	acl, set, err = ParseACLRequest(newRequest(t, "PUT", "/bkt/k?x-amz-acl=public-read&x-amz-expires=5"), "alice", "", someUsers)
	if err != nil || set || acl != nil {
		t.Errorf("in a URL that nobody signed: %q %v %v", acl, set, err)
	}
	if acl, _, err := ParseACLRequest(newRequest(t, "PUT", "/bkt/k", "x-amz-grant-read: id=anybody"), "", "", nil); err != nil || len(acl) != 1 {
		t.Errorf("without users: %q %v", acl, err)
	}
}

func TestParseACLRequest(t *testing.T) {
	acl := grants(auth.LogDelivery, auth.ReadACP, "alice", auth.FullControl, "bob", auth.Write)
	document := string(AppendACL(nil, names("alice"), acl, names))
	nobody := string(AppendACL(nil, names("alice"), auth.ACL{}, names))
	grant := func(grantee string) string {
		return "<AccessControlPolicy><Owner><ID>alice</ID></Owner><AccessControlList><Grant><Grantee" + grantee + "</Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>"
	}
	const typed = ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="`
	tests := []struct {
		name, header, body string
		want               auth.ACL
		code               string
	}{
		{"canned", "x-amz-acl: public-read", "", grants(auth.AllUsers, auth.Read, "alice", auth.FullControl), ""},
		{"granted", "x-amz-grant-read: id=bob", "", grants("bob", auth.Read), ""},
		{"our own", "X-Other: 1", document, acl, ""},
		{"nobody", "X-Other: 1", nobody, auth.ACL{}, ""},
		{"without a type", "X-Other: 1", grant("><ID>bob</ID>"), grants("bob", auth.Read), ""},
		{"by address", "X-Other: 1", grant(typed + `AmazonCustomerByEmail"><EmailAddress>bob@example.com</EmailAddress>`), grants("bob", auth.Read), ""},
		{"no such address", "X-Other: 1", grant("><EmailAddress>x@example.com</EmailAddress>"), nil, "UnresolvableGrantByEmailAddress"},
		{"nobody known", "X-Other: 1", grant("><ID>_foo</ID>"), nil, "InvalidArgument"},
		{"empty id", "X-Other: 1", grant("><ID/>"), nil, "InvalidArgument"},
		{"group without URI", "X-Other: 1", grant(typed + `Group"><ID>bob</ID>`), nil, "MalformedACLError"},
		{"no grantee", "X-Other: 1", strings.ReplaceAll(grant("></Grantee><Grantee>"), "Grantee>", "Other>"), nil, "MalformedACLError"},
		{"no permission", "X-Other: 1", strings.Replace(document, "FULL_CONTROL", "ALL", 1), nil, "MalformedACLError"},
		{"no owner", "X-Other: 1", "<AccessControlPolicy><AccessControlList/></AccessControlPolicy>", nil, "MalformedACLError"},
		{"no list", "X-Other: 1", "<AccessControlPolicy><Owner><ID>alice</ID></Owner></AccessControlPolicy>", nil, "MalformedACLError"},
		{"another owner", "X-Other: 1", strings.Replace(document, "alice", "bob", 1), nil, "AccessDenied"},
		{"unknown canned", "x-amz-acl: wide-open", "", nil, "InvalidArgument"},
		{"nothing", "X-Other: 1", "", nil, "MissingSecurityHeader"},
		{"nonsense", "X-Other: 1", "<nonsense", nil, "MalformedACLError"},
		{"two ways", "x-amz-acl: private", document, nil, "InvalidRequest"},
	}
	var got auth.ACL
	n := startNode(t, func(r *Request) (err error) {
		got, _, err = ParseACLRequest(r, "alice", "", someUsers)
		return err
	}, nil)
	for _, tt := range tests {
		a := n.do(t, fmt.Sprintf("PUT /bkt/k?acl HTTP/1.1\r\nHost: n\r\n%s\r\nContent-Length: %d\r\n\r\n%s", tt.header, len(tt.body), tt.body))
		if a.code() != tt.code || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %q %d %s", tt.name, got, a.StatusCode, a.body)
		}
	}
}

func TestOwnerOnly(t *testing.T) {
	for _, tt := range []struct {
		acl  auth.ACL
		want bool
	}{
		{nil, true},
		{auth.ACL{}, false},
		{grants("carol", auth.FullControl), true},
		{grants("carol", auth.Read), false},
		{grants("carol", auth.FullControl, "bob", auth.FullControl), false},
	} {
		if got := OwnerOnly(tt.acl, "carol"); got != tt.want {
			t.Errorf("%q: %v", tt.acl, got)
		}
	}
}

func TestEnforceable(t *testing.T) {
	owned := grants("carol", auth.FullControl)
	for _, tt := range []struct {
		header string
		acl    auth.ACL
		want   bool
	}{
		{"", owned, true},
		{"", nil, false},
		{"", grants("bob", auth.FullControl), false},
		{"", grants("carol", auth.FullControl, "bob", auth.Read), false},
		{"x-amz-acl:bucket-owner-full-control", grants("bob", auth.FullControl, "carol", auth.FullControl), true},
		{"x-amz-acl:private", owned, false},
		{"x-amz-acl:public-read", grants("carol", auth.FullControl, auth.AllUsers, auth.Read), false},
	} {
		if got := Enforceable(newRequest(t, "PUT", "/bkt/k", tt.header), tt.acl, "carol"); got != tt.want {
			t.Errorf("%s %q: %v", tt.header, tt.acl, got)
		}
	}
}

func FuzzACL(f *testing.F) {
	f.Add(string(AppendACL(nil, names("alice"), grants(auth.AllUsers, auth.Read, "bob", auth.Write), names)), "id=bob")
	f.Add("<AccessControlPolicy><Owner/><AccessControlList><Grant><Grantee><ID>a</ID></Grantee></Grant></AccessControlList></AccessControlPolicy>", `uri="x",emailAddress=`)
	f.Fuzz(func(t *testing.T, document, header string) {
		if _, _, err := ParseACLRequest(newRequest(t, "PUT", "/bkt/k", "x-amz-grant-read:"+header), "alice", "", someUsers); err != nil && FromError(err).Status != 400 {
			t.Fatalf("%q: %v", header, err)
		}
		acl, err := parseACL([]byte(document), "alice", nil)
		if err != nil {
			return
		}
		again, err := parseACL(AppendACL(nil, names("alice"), acl, names), "alice", nil)
		if err != nil && !errors.Is(err, InvalidArgument) || err == nil && len(again) != len(acl) {
			t.Fatalf("%q comes back as %q %v", acl, again, err)
		}
	})
}
