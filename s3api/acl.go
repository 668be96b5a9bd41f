package s3api

import "bytes"

// cannedACLs are the values of x-amz-acl that S3 knows.
var cannedACLs = [...]string{"private", "public-read", "public-read-write", "authenticated-read",
	"aws-exec-read", "bucket-owner-read", "bucket-owner-full-control", "log-delivery-write"}

// ParseCannedACL reads x-amz-acl, "" for none.
func ParseCannedACL(r *Request) (string, error) {
	v := r.Header(hACL)
	if v == "" {
		return "", nil
	}
	for _, acl := range cannedACLs {
		if v == acl {
			return v, nil
		}
	}
	return "", Argument("x-amz-acl", v, "")
}

// Grant is one grant of an AccessControlPolicy.
type Grant struct {
	Type       string // "CanonicalUser", "Group", "AmazonCustomerByEmail"
	ID         string
	URI        string
	Email      string
	Permission string
}

// ParseACL reads the AccessControlPolicy document. What is no such document is
// MalformedACLError.
func ParseACL(data []byte) (owner Owner, grants []Grant, err error) {
	var doc struct {
		Owner             *Owner
		AccessControlList *struct {
			Grant []struct {
				Grantee struct {
					Type         string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
					ID           string
					DisplayName  string
					URI          string
					EmailAddress string
				}
				Permission string
			}
		}
	}
	if err := unmarshal(data, "AccessControlPolicy", &doc); err != nil || doc.Owner == nil || doc.AccessControlList == nil {
		return owner, nil, MalformedACLError
	}
	for _, g := range doc.AccessControlList.Grant {
		switch g.Permission {
		case "FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP":
		default:
			return owner, nil, MalformedACLError
		}
		grants = append(grants, Grant{g.Grantee.Type, g.Grantee.ID, g.Grantee.URI, g.Grantee.EmailAddress, g.Permission})
	}
	return *doc.Owner, grants, nil
}

// CheckACL reads the ACL that a request wants to set, canned, by grant headers or
// as a document, and reports whether it is well-formed.
func CheckACL(r *Request) error {
	document, err := r.ControlBody(MaxConfigBody)
	if err != nil {
		return err
	}
	canned, err := ParseCannedACL(r)
	if err != nil {
		return err
	}
	granted := false
	for name := range r.ctx.Request.Header.All() {
		granted = granted || bytes.HasPrefix(name, []byte("X-Amz-Grant-"))
	}
	switch {
	case len(bytes.TrimSpace(document)) > 0:
		if canned != "" || granted {
			return InvalidRequest.Say("Specifying both Canned ACLs and Header Grants or an ACL document is not allowed")
		}
		_, _, err = ParseACL(document)
		return err
	case canned == "" && !granted:
		return MissingSecurityHeader
	}
	return nil
}
