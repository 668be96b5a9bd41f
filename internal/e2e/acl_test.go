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

// accessControl is an AccessControlPolicy of owner with one grant to a user.
func accessControl(owner, grantee, permission string) []byte {
	return []byte(`<AccessControlPolicy><Owner><ID>` + owner + `</ID></Owner><AccessControlList><Grant>` +
		`<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>` + grantee + `</ID></Grantee>` +
		`<Permission>` + permission + `</Permission></Grant></AccessControlList></AccessControlPolicy>`)
}

// Where there are users an object's ACL says who may have it, and its owner is who
// wrote it, unless the bucket's ownership says otherwise.
func TestObjectOwners(t *testing.T) {
	c := Shared(t, Options{Auth: true, Users: "ann,ben"})
	ann, ben, anybody := c.As(t, "ann"), c.As(t, "ben"), c.Anonymous()
	annID, benID := c.Key(t, "ann").Access, c.Key(t, "ben").Access
	b := ann.bucket(t)
	k := "/" + b + "/"

	ann.put(t, b, "hers", []byte("x"))
	ben.do(t, "GET", k+"hers", nil).want(t, 403, "AccessDenied")
	ben.do(t, "GET", k+"hers?acl", nil).want(t, 403, "AccessDenied")
	ben.do(t, "GET", k+"hers?tagging", nil).want(t, 403, "AccessDenied")
	ben.do(t, "PUT", k+"hers?tagging", tagging("a", "1")).want(t, 403, "AccessDenied")
	ann.do(t, "PUT", k+"hers?acl", accessControl(annID, benID, "READ")).want(t, 200, "")
	ben.same(t, b, "hers", []byte("x"))
	ben.do(t, "PUT", k+"hers?acl", nil, "X-Amz-Acl: public-read").want(t, 403, "AccessDenied")
	ann.do(t, "PUT", k+"hers?acl", accessControl(annID, benID, "WRITE_ACP")).want(t, 200, "")
	ben.do(t, "GET", k+"hers", nil).want(t, 403, "AccessDenied")
	ben.do(t, "PUT", k+"hers?acl", accessControl(benID, benID, "FULL_CONTROL")).want(t, 403, "AccessDenied") // would take it over
	ben.do(t, "PUT", k+"hers?acl", nil, "X-Amz-Acl: public-read").want(t, 200, "")
	anybody.same(t, b, "hers", []byte("x"))
	ann.do(t, "PUT", k+"hers?acl", accessControl(annID, "NOBODY", "READ")).want(t, 400, "InvalidArgument")
	ann.do(t, "PUT", k+"mailed", []byte("x"), `X-Amz-Grant-Read: emailAddress="ben@example.com"`).want(t, 200, "")
	ben.same(t, b, "mailed", []byte("x"))

	ann.do(t, "PUT", "/"+b+"?acl", nil, "X-Amz-Acl: public-read-write").want(t, 200, "")
	ben.put(t, b, "his", []byte("y"))
	ann.do(t, "GET", k+"his", nil).want(t, 403, "AccessDenied") // of his own, in her bucket
	ben.put(t, b, "shared", []byte("y"), "X-Amz-Acl: bucket-owner-full-control")
	ann.same(t, b, "shared", []byte("y"))
	if got := ben.grants(t, k+"shared"); !slices.Equal(got, []string{"owner FULL_CONTROL", annID + " FULL_CONTROL"}) {
		t.Errorf("shared: %q", got)
	}

	ownership := func(rule string) {
		t.Helper()
		ann.do(t, "PUT", "/"+b+"?acl", nil, "X-Amz-Acl: private").want(t, 200, "")
		ann.do(t, "PUT", "/"+b+"?ownershipControls", []byte("<OwnershipControls><Rule><ObjectOwnership>"+rule+"</ObjectOwnership></Rule></OwnershipControls>")).want(t, 200, "")
		ann.do(t, "PUT", "/"+b+"?policy", []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+benID+`"},
			"Action":["s3:PutObject","s3:PutObjectAcl"],"Resource":"arn:aws:s3:::`+b+`/*"}]}`)).want(t, 204, "")
	}
	ownership("BucketOwnerPreferred")
	ben.put(t, b, "given", []byte("z"), "X-Amz-Acl: bucket-owner-full-control")
	ben.put(t, b, "not-given", []byte("z"))
	if got := ann.grants(t, k+"given"); !slices.Equal(got, []string{"owner FULL_CONTROL"}) {
		t.Errorf("given: %q", got)
	}
	ann.same(t, b, "given", []byte("z"))
	ann.do(t, "GET", k+"not-given", nil).want(t, 403, "AccessDenied")

	ownership("BucketOwnerEnforced")
	ann.same(t, b, "not-given", []byte("z")) // ACLs and owners are not looked at any more
	ben.put(t, b, "enforced", []byte("z"))
	ann.same(t, b, "enforced", []byte("z"))
	ben.put(t, b, "equal", []byte("z"), "X-Amz-Acl: bucket-owner-full-control")
	ben.do(t, "PUT", k+"refused", []byte("z"), "X-Amz-Acl: public-read").want(t, 400, "AccessControlListNotSupported")
	ann.do(t, "PUT", k+"equal?acl", nil, "X-Amz-Acl: public-read").want(t, 400, "AccessControlListNotSupported")
	ann.absent(t, b, "refused")
}

func TestPublicACLsAreBlocked(t *testing.T) {
	c := Shared(t, Options{Auth: true, Users: "ann,ben"})
	ann := c.As(t, "ann")
	b := ann.bucket(t)
	ann.put(t, b, "k", []byte("x"))
	ann.do(t, "PUT", "/"+b+"?publicAccessBlock", []byte("<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>")).want(t, 200, "")
	for _, acl := range []string{"public-read", "public-read-write", "authenticated-read"} {
		ann.do(t, "PUT", "/"+b+"/new", []byte("x"), "X-Amz-Acl: "+acl).want(t, 403, "AccessDenied")
		ann.do(t, "PUT", "/"+b+"/k?acl", nil, "X-Amz-Acl: "+acl).want(t, 403, "AccessDenied")
	}
	ann.absent(t, b, "new")
	ann.put(t, b, "private", []byte("x"), "X-Amz-Acl: private")
}
