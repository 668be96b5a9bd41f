package e2e

import (
	"encoding/xml"
	"slices"
	"strings"
	"testing"
)

// grants returns the ACL of an object or bucket as "grantee permission" lines.
func (p plain) grants(t testing.TB, target string) []string {
	t.Helper()
	a := p.do(t, "GET", withQuery(target, "acl"), nil).want(t, 200, "")
	var doc struct {
		Owner struct{ ID string }
		Grant []struct {
			Grantee    struct{ ID, URI string }
			Permission string
		} `xml:"AccessControlList>Grant"`
	}
	if err := xml.Unmarshal(a.body, &doc); err != nil || doc.Owner.ID == "" {
		t.Fatalf("%v in %s", err, a.body)
	}
	var all []string
	for _, g := range doc.Grant {
		who := g.Grantee.ID + g.Grantee.URI[strings.LastIndex(g.Grantee.URI, "/")+1:]
		if who == doc.Owner.ID {
			who = "owner"
		}
		all = append(all, who+" "+g.Permission)
	}
	return all
}

// A cluster without users keeps ACLs and shows them; nobody is kept out by them.
func TestObjectACL(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	want := func(key string, grants ...string) {
		t.Helper()
		if got := p.grants(t, "/"+b+"/"+key); !slices.Equal(got, grants) {
			t.Errorf("%s grants %q, want %q", key, got, grants)
		}
	}
	p.put(t, b, "default", []byte("x"))
	want("default", "owner FULL_CONTROL")
	p.put(t, b, "public", []byte("x"), "X-Amz-Acl: public-read")
	want("public", "AllUsers READ", "owner FULL_CONTROL")
	p.put(t, b, "headers", []byte("x"), "X-Amz-Grant-Read: id=ALICE, uri=http://acs.amazonaws.com/groups/global/AuthenticatedUsers", "X-Amz-Grant-Write-Acp: id=BOB")
	want("headers", "AuthenticatedUsers READ", "ALICE READ", "BOB WRITE_ACP")

	before := p.do(t, "HEAD", "/"+b+"/default", nil)
	p.do(t, "PUT", "/"+b+"/default?acl", nil, "X-Amz-Acl: authenticated-read").want(t, 200, "")
	want("default", "AuthenticatedUsers READ", "owner FULL_CONTROL")
	if after := p.do(t, "HEAD", "/"+b+"/default", nil); after.header.Get("Last-Modified") != before.header.Get("Last-Modified") {
		t.Error("an ACL changes when the object was written")
	}
	document := []byte(`<AccessControlPolicy><Owner><ID>x</ID></Owner><AccessControlList><Grant>
		<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>CAROL</ID></Grantee>
		<Permission>READ_ACP</Permission></Grant></AccessControlList></AccessControlPolicy>`)
	p.do(t, "PUT", "/"+b+"/default?acl", document).want(t, 200, "")
	want("default", "CAROL READ_ACP")
	p.do(t, "PUT", "/"+b+"/default?acl", nil, "X-Amz-Acl: private").want(t, 200, "")
	want("default", "owner FULL_CONTROL")

	u := p.begin(t, b, "parts", "X-Amz-Acl: public-read")
	u.part(t, 1, []byte("part")).want(t, 200, "")
	u.complete(t, u.manifest(1)).want(t, 200, "")
	want("parts", "AllUsers READ", "owner FULL_CONTROL")
	p.put(t, b, "copy", nil, "X-Amz-Copy-Source: /"+b+"/public")
	want("copy", "owner FULL_CONTROL") // an ACL is never copied
	p.put(t, b, "copy", nil, "X-Amz-Copy-Source: /"+b+"/default", "X-Amz-Acl: public-read-write")
	want("copy", "AllUsers READ", "AllUsers WRITE", "owner FULL_CONTROL")

	p.do(t, "PUT", "/"+b+"/bad", []byte("x"), "X-Amz-Acl: everybody").want(t, 400, "InvalidArgument")
	p.do(t, "PUT", "/"+b+"/bad", []byte("x"), "X-Amz-Grant-Read: name=alice").want(t, 400, "InvalidArgument")
	p.do(t, "PUT", "/"+b+"/bad", []byte("x"), "X-Amz-Acl: private", "X-Amz-Grant-Read: id=ALICE").want(t, 400, "InvalidRequest")
	p.absent(t, b, "bad")
	p.do(t, "PUT", "/"+b+"/default?acl", []byte("<AccessControlPolicy/>")).want(t, 400, "MalformedACLError")
	p.do(t, "PUT", "/"+b+"/default?acl", nil).want(t, 400, "MissingSecurityHeader")
	p.do(t, "PUT", "/"+b+"/none?acl", nil, "X-Amz-Acl: private").want(t, 404, "NoSuchKey")
}
