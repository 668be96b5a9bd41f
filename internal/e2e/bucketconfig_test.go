package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Each configuration is not there, is set, is the same through every proxy, is
// removed, and may be removed again.
func TestBucketConfigurations(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/*"}]}`
	tests := []struct {
		name, document, shows string
		put                   int
		none                  string // the error of a GET without one
		bad, badCode          string
	}{
		{"policy", policy, `"Action":"s3:GetObject"`, 204, "NoSuchBucketPolicy", `{"Statement":1}`, "MalformedPolicy"},
		{"cors", "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>",
			"<AllowedOrigin>*</AllowedOrigin>", 200, "NoSuchCORSConfiguration", "<CORSConfiguration/>", "MalformedXML"},
		{"lifecycle", "<LifecycleConfiguration><Rule><ID>old</ID><Prefix>logs/</Prefix><Status>Disabled</Status><Expiration><Days>3</Days></Expiration></Rule></LifecycleConfiguration>",
			"<Days>3</Days>", 200, "NoSuchLifecycleConfiguration", "<LifecycleConfiguration><Rule/></LifecycleConfiguration>", "MalformedXML"},
		{"tagging", string(tagging("colour", "red")), "<Key>colour</Key><Value>red</Value>", 204, "NoSuchTagSet", string(tagging("a", "1", "a", "2")), "InvalidTag"},
		{"publicAccessBlock", "<PublicAccessBlockConfiguration><IgnorePublicAcls>true</IgnorePublicAcls></PublicAccessBlockConfiguration>",
			"<IgnorePublicAcls>true</IgnorePublicAcls>", 200, "NoSuchPublicAccessBlockConfiguration", "<PublicAccessBlockConfiguration>x</PublicAccessBlockConfiguration>", "MalformedXML"},
		{"ownershipControls", "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule></OwnershipControls>",
			"<ObjectOwnership>BucketOwnerPreferred</ObjectOwnership>", 200, "OwnershipControlsNotFoundError", "<OwnershipControls/>", "MalformedXML"},
	}
	b := p.bucket(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := "/" + b + "?" + tt.name
			document := tt.document
			if strings.Contains(document, "%s") {
				document = fmt.Sprintf(document, b)
			}
			p.do(t, "GET", target, nil).want(t, 404, tt.none)
			p.do(t, "DELETE", target, nil).want(t, 204, "")
			p.do(t, "PUT", target, []byte(tt.bad)).want(t, 400, tt.badCode)
			p.do(t, "PUT", target, []byte(strings.Repeat(" ", 1<<20))).want(t, 400, "MalformedXML")
			p.do(t, "GET", target, nil).want(t, 404, tt.none)
			p.do(t, "PUT", target, []byte(document)).want(t, tt.put, "")
			for _, proxy := range c.Names("proxy") {
				if a := c.At(t, proxy).do(t, "GET", target, nil).want(t, 200, ""); !strings.Contains(string(a.body), tt.shows) {
					t.Errorf("%s shows %s", proxy, a.body)
				}
			}
			p.do(t, "DELETE", target, nil).want(t, 204, "")
			p.do(t, "GET", target, nil).want(t, 404, tt.none)
			p.do(t, "PUT", "/"+b+"-none?"+tt.name, []byte(document)).want(t, 404, "NoSuchBucket")
		})
	}
	status := p.do(t, "GET", "/"+b+"?policyStatus", nil).want(t, 200, "")
	if !strings.Contains(string(status.body), "<IsPublic>false</IsPublic>") {
		t.Errorf("%s", status.body)
	}
}

// The ACL of a bucket is kept and shown, as far as its ownership and its public
// access block let it be.
func TestBucketACL(t *testing.T) {
	c := Shared(t, Options{Auth: true, Users: "ann,ben"})
	ann, ben := c.As(t, "ann"), c.As(t, "ben")
	benID := c.Key(t, "ben").Access
	b := ann.bucket(t)
	put := func(p plain, header string) answer { return p.do(t, "PUT", "/"+b+"?acl", nil, header) }
	want := func(grants ...string) {
		t.Helper()
		if got := ann.grants(t, "/"+b); !slices.Equal(got, grants) {
			t.Errorf("grants %q, want %q", got, grants)
		}
	}
	want("owner FULL_CONTROL")
	put(ben, "X-Amz-Acl: public-read").want(t, 403, "AccessDenied")
	put(ann, "X-Amz-Grant-Write-Acp: id="+benID).want(t, 200, "")
	want(benID + " WRITE_ACP")
	put(ann, "X-Amz-Grant-Read: id=NOBODYATALL").want(t, 400, "InvalidArgument")
	put(ann, "X-Amz-Grant-Read: emailAddress=nobody@example.com").want(t, 400, "UnresolvableGrantByEmailAddress")
	put(ben, "X-Amz-Acl: public-read").want(t, 200, "")
	want("AllUsers READ", "owner FULL_CONTROL")
	c.Anonymous().do(t, "GET", "/"+b, nil).want(t, 200, "")
	status := ann.do(t, "GET", "/"+b+"?policyStatus", nil).want(t, 200, "")
	if !strings.Contains(string(status.body), "<IsPublic>true</IsPublic>") {
		t.Errorf("%s", status.body)
	}

	enforced := []byte("<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>")
	ann.do(t, "PUT", "/"+b+"?ownershipControls", enforced).want(t, 400, "InvalidBucketAclWithObjectOwnership")
	put(ann, "X-Amz-Acl: private").want(t, 200, "")
	ann.do(t, "PUT", "/"+b+"?ownershipControls", enforced).want(t, 200, "")
	put(ann, "X-Amz-Acl: public-read").want(t, 400, "AccessControlListNotSupported")
	put(ann, "X-Amz-Acl: private").want(t, 400, "AccessControlListNotSupported")
	put(ann, "X-Amz-Grant-Full-Control: id="+c.Key(t, "ann").Access).want(t, 200, "")
	ann.do(t, "DELETE", "/"+b+"?ownershipControls", nil).want(t, 204, "")

	block := []byte("<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><BlockPublicPolicy>true</BlockPublicPolicy></PublicAccessBlockConfiguration>")
	ann.do(t, "PUT", "/"+b+"?publicAccessBlock", block).want(t, 200, "")
	for _, acl := range []string{"public-read", "public-read-write", "authenticated-read"} {
		put(ann, "X-Amz-Acl: "+acl).want(t, 403, "AccessDenied")
	}
	public := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"%s","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + b + `/*"}]}`
	ann.do(t, "PUT", "/"+b+"?policy", fmt.Appendf(nil, public, "*")).want(t, 403, "AccessDenied")
	ann.do(t, "PUT", "/"+b+"?policy", []byte(strings.Replace(public, `"%s"`, `{"AWS":"`+benID+`"}`, 1))).want(t, 204, "")
	want("owner FULL_CONTROL")
}

// A bucket is its maker's; who makes it again hears whose it is.
func TestBucketOwners(t *testing.T) {
	c := Shared(t, Options{Auth: true, Users: "ann,ben"})
	ann, ben := c.As(t, "ann"), c.As(t, "ben")
	b := bucketName(t)
	ann.do(t, "PUT", "/"+b, nil, "X-Amz-Acl: public-read", "X-Amz-Object-Ownership: BucketOwnerEnforced").want(t, 400, "InvalidBucketAclWithObjectOwnership")
	ann.do(t, "PUT", "/"+b, nil, "X-Amz-Acl: public-read", "X-Amz-Object-Ownership: ObjectWriter").want(t, 200, "")
	ann.do(t, "PUT", "/"+b, nil, "X-Amz-Acl: public-read").want(t, 200, "")
	ann.do(t, "PUT", "/"+b, nil).want(t, 409, "BucketAlreadyExists")
	ann.do(t, "PUT", "/"+b, []byte("<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>"), "X-Amz-Acl: public-read").want(t, 409, "BucketAlreadyOwnedByYou")
	ben.do(t, "PUT", "/"+b, nil, "X-Amz-Acl: public-read").want(t, 409, "BucketAlreadyExists")
	if got := ann.grants(t, "/"+b); !slices.Equal(got, []string{"AllUsers READ", "owner FULL_CONTROL"}) {
		t.Errorf("%q", got)
	}
	listed := func(p plain) bool {
		return strings.Contains(string(p.do(t, "GET", "/", nil).want(t, 200, "").body), "<Name>"+b+"</Name>")
	}
	if !listed(ann) || listed(ben) || !listed(c.Plain()) {
		t.Error("a bucket is in the lists of its owner and of administrators, and in no other")
	}

	annID := c.Key(t, "ann").Access
	for header, status := range map[string]int{"X-Amz-Expected-Bucket-Owner: " + annID: 200, "X-Amz-Expected-Bucket-Owner: " + annID + "x": 403} {
		if a := ann.do(t, "GET", "/"+b, nil, header); a.status != status {
			t.Errorf("%s: %d %s", header, a.status, a.body)
		}
		if a := ann.do(t, "PUT", "/"+b+"/key", []byte("x"), header); a.status != status {
			t.Errorf("%s: %d %s", header, a.status, a.body)
		}
	}
	ann.do(t, "PUT", "/"+b+"/copy", nil, "X-Amz-Copy-Source: "+b+"/key", "X-Amz-Source-Expected-Bucket-Owner: "+annID+"x").want(t, http.StatusForbidden, "AccessDenied")
	ann.do(t, "PUT", "/"+b+"/copy", nil, "X-Amz-Copy-Source: "+b+"/key", "X-Amz-Source-Expected-Bucket-Owner: "+annID).want(t, 200, "")
}
