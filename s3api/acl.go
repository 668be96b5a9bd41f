package s3api

import (
	"bytes"
	"slices"
	"strings"

	"ais/auth"
)

// cannedACLs are the values of x-amz-acl that S3 knows.
var cannedACLs = [...]string{"private", "public-read", "public-read-write", "authenticated-read",
	"aws-exec-read", "bucket-owner-read", "bucket-owner-full-control", "log-delivery-write"}

// grantHeaders are the headers that grant permissions, in the order in which their
// grants are listed.
var grantHeaders = [...]struct {
	name       string
	permission auth.Permission
}{
	{"X-Amz-Grant-Read", auth.Read},
	{"X-Amz-Grant-Write", auth.Write},
	{"X-Amz-Grant-Read-Acp", auth.ReadACP},
	{"X-Amz-Grant-Write-Acp", auth.WriteACP},
	{"X-Amz-Grant-Full-Control", auth.FullControl},
}

// ParseCannedACL reads x-amz-acl, "" for none.
func ParseCannedACL(r *Request) (string, error) {
	v := r.amzHeader(hACL)
	if v == "" || slices.Contains(cannedACLs[:], v) {
		return v, nil
	}
	return "", Argument("x-amz-acl", v, "")
}

// FindUser finds a user by id, or by the e-mail address where name has an "@", and
// returns the id.
type FindUser func(name string) (id string, ok bool)

// ParseACLRequest reads the ACL that a request sets: by x-amz-acl, by
// x-amz-grant-… or, where that is what the operation is for, as a document. owner
// is the id of who owns (or will own) the bucket or object that gets it,
// bucketOwner that of its bucket, "" for a bucket's own ACL. users is nil while
// there are none: any id will do then.
//
// set is false where the request says nothing. An ACL that grants nobody anything
// is empty and not nil; nil is the owner's full control.
func ParseACLRequest(r *Request, owner, bucketOwner string, users FindUser) (acl auth.ACL, set bool, err error) {
	canned, err := ParseCannedACL(r)
	if err != nil {
		return nil, false, err
	}
	granted, err := parseGrants(r, users)
	if err != nil {
		return nil, false, err
	}
	if canned != "" && granted != nil {
		return nil, false, InvalidRequest.Say("Specifying both Canned ACLs and Header Grants is not allowed")
	}
	if r.Op == PutBucketACL || r.Op == PutObjectACL {
		document, err := r.ControlBody(MaxConfigBody)
		if err != nil {
			return nil, false, err
		}
		if len(bytes.TrimSpace(document)) > 0 {
			if canned != "" || granted != nil {
				return nil, false, InvalidRequest.Say("Specifying both Canned ACLs and Header Grants or an ACL document is not allowed")
			}
			acl, err := parseACL(document, owner, users)
			return acl, err == nil, err
		}
		if canned == "" && granted == nil {
			return nil, false, MissingSecurityHeader.With("MissingHeaderName", "x-amz-acl")
		}
	}
	switch canned {
	case "":
		return granted, granted != nil, nil
	case "aws-exec-read": // for a service of Amazon's: nobody here has that grant
		return nil, true, nil
	}
	if acl, err = auth.Canned(canned, owner, bucketOwner); err != nil {
		return nil, false, Argument("x-amz-acl", canned, "")
	}
	return acl, true, nil
}

// OwnerOnly reports whether acl gives owners, and nobody else, full control and
// nothing less: all that can be asked for where ownership is BucketOwnerEnforced,
// since it is so there.
func OwnerOnly(acl auth.ACL, owners ...string) bool {
	for _, g := range acl {
		if g.Permission != auth.FullControl || !slices.Contains(owners, g.Grantee) {
			return false
		}
	}
	return acl == nil || len(acl) > 0
}

// Enforceable reports whether a request may set acl where the bucket's ownership is
// BucketOwnerEnforced, under which ACLs are not in force: it names the canned ACL
// bucket-owner-full-control, or grants the bucket's owner full control and nobody
// anything else (S3, "Controlling ownership of objects"). private is not such an ACL.
func Enforceable(r *Request, acl auth.ACL, bucketOwner string) bool {
	switch r.amzHeader(hACL) {
	case "":
		return len(acl) > 0 && OwnerOnly(acl, bucketOwner)
	case "bucket-owner-full-control":
		return true
	}
	return false
}

// parseGrants reads the x-amz-grant-… headers; nil for none.
func parseGrants(r *Request, users FindUser) (auth.ACL, error) {
	var acl auth.ACL
	for _, h := range grantHeaders {
		value := r.amzHeader(h.name)
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			kind, name, ok := strings.Cut(item, "=")
			if !ok {
				return nil, Argument(strings.ToLower(h.name), item, "Argument format not recognized")
			}
			grantee, err := grantee(strings.TrimSpace(kind), strings.Trim(strings.TrimSpace(name), `"`), users)
			if err != nil {
				return nil, err
			}
			acl = append(acl, auth.Grant{Grantee: grantee, Permission: h.permission})
		}
	}
	if len(acl) > auth.MaxGrants {
		return nil, tooManyGrants
	}
	return acl, nil
}

var tooManyGrants = InvalidRequest.Say("An access control list may have up to 100 grants.")

// grantee returns the id or URI that a grant names: kind is id, uri or
// emailAddress, in any case.
func grantee(kind, name string, users FindUser) (string, error) {
	switch strings.ToLower(kind) {
	case "id":
		if name == "" {
			return "", Argument("CanonicalUser/ID", name, "Invalid id")
		}
		if users == nil {
			return name, nil
		}
		if id, ok := users(name); ok && id == name {
			return id, nil
		}
		return "", Argument("CanonicalUser/ID", name, "Invalid id")
	case "uri":
		if auth.IsGroup(name) {
			return name, nil
		}
		return "", Argument("Group/URI", name, "Invalid group uri")
	case "emailaddress":
		if users != nil && strings.Contains(name, "@") {
			if id, ok := users(name); ok {
				return id, nil
			}
		}
		return "", UnresolvableGrant.With("EmailAddress", name)
	}
	return "", Argument("grantee", kind, "Argument format not recognized")
}

// granteeXML is the Grantee of a Grant.
type granteeXML struct {
	Type         string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
	ID           *string
	DisplayName  *string
	URI          *string
	EmailAddress *string
}

// name returns the kind of the grantee, as headers have it, and its name.
func (g *granteeXML) name() (kind, name string) {
	for _, c := range [...]struct {
		typ, kind string
		value     *string
	}{{"CanonicalUser", "id", g.ID}, {"Group", "uri", g.URI}, {"AmazonCustomerByEmail", "emailAddress", g.EmailAddress}} {
		if c.value != nil && (g.Type == "" || g.Type == c.typ) {
			return c.kind, *c.value
		}
	}
	return "", ""
}

// parseACL reads the AccessControlPolicy document for what owner owns. What is no
// such document is MalformedACLError. Nobody gives away what is his: another owner
// is AccessDenied.
func parseACL(data []byte, owner string, users FindUser) (auth.ACL, error) {
	var doc struct {
		Owner             *struct{ ID, DisplayName string }
		AccessControlList *struct {
			Grant []struct {
				Grantee    *granteeXML
				Permission auth.Permission
			}
		}
	}
	if err := unmarshal(data, "AccessControlPolicy", &doc); err != nil || doc.Owner == nil || doc.AccessControlList == nil {
		return nil, MalformedACLError
	}
	if users != nil && doc.Owner.ID != owner {
		return nil, AccessDenied
	}
	acl := auth.ACL{}
	for _, g := range doc.AccessControlList.Grant {
		if !g.Permission.Valid() || g.Grantee == nil {
			return nil, MalformedACLError
		}
		kind, name := g.Grantee.name()
		if kind == "" {
			return nil, MalformedACLError
		}
		grantee, err := grantee(kind, name, users)
		if err != nil {
			return nil, err
		}
		if acl = append(acl, auth.Grant{Grantee: grantee, Permission: g.Permission}); len(acl) > auth.MaxGrants {
			return nil, tooManyGrants
		}
	}
	return acl, nil
}

// AppendACL appends an AccessControlPolicy.
func AppendACL(b []byte, owner Owner, acl auth.ACL, names Owners) []byte {
	b = append(b, "<AccessControlPolicy"+xmlns+">"...)
	b = appendOwner(b, "Owner", owner)
	b = append(b, "<AccessControlList>"...)
	for _, g := range acl.Grants(owner.ID) {
		b = appendGrant(b, g, owner, names)
	}
	return append(b, "</AccessControlList></AccessControlPolicy>"...)
}

func appendGrant(b []byte, g auth.Grant, owner Owner, names Owners) []byte {
	b = append(b, `<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="`...)
	if auth.IsGroup(g.Grantee) {
		b = appendElement(append(b, `Group">`...), "URI", g.Grantee)
	} else {
		who := owner
		if g.Grantee != owner.ID {
			who = names(g.Grantee)
		}
		b = append(b, `CanonicalUser">`...)
		b = appendElement(b, "ID", who.ID)
		b = appendElement(b, "DisplayName", who.DisplayName)
	}
	b = append(b, "</Grantee>"...)
	b = appendElement(b, "Permission", string(g.Permission))
	return append(b, "</Grant>"...)
}
