package auth

import (
	"errors"
	"slices"
	"strings"
)

// Permission is what an ACL grants.
type Permission string

// The permissions.
const (
	FullControl Permission = "FULL_CONTROL"
	Read        Permission = "READ"
	Write       Permission = "WRITE"
	ReadACP     Permission = "READ_ACP"
	WriteACP    Permission = "WRITE_ACP"
)

// Valid reports whether p is one of the permissions.
func (p Permission) Valid() bool {
	switch p {
	case FullControl, Read, Write, ReadACP, WriteACP:
		return true
	}
	return false
}

// The groups of S3, as grantees.
const (
	AllUsers           = "http://acs.amazonaws.com/groups/global/AllUsers"
	AuthenticatedUsers = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
	LogDelivery        = "http://acs.amazonaws.com/groups/s3/LogDelivery"
)

// IsGroup reports whether a grantee is one of the groups, not a user.
func IsGroup(grantee string) bool {
	return grantee == AllUsers || grantee == AuthenticatedUsers || grantee == LogDelivery
}

// MaxGrants is how many grants S3 takes in one ACL.
const MaxGrants = 100

// Grant gives a grantee, a user's id or a group's URI, a permission.
type Grant struct {
	Grantee    string
	Permission Permission
}

// ACL is a list of grants. nil is the default one: the owner's full control and
// nothing else. One that is empty but not nil grants nothing to anybody; its
// owner may still read and replace it.
type ACL []Grant

// ErrCanned is returned for a name that no canned ACL has.
var ErrCanned = errors.New("no canned ACL has that name")

// Canned returns the grants of a canned ACL by its name ("public-read"), for a
// bucket or an object (bucketOwner is "" for a bucket's own ACL, for which those
// about the bucket's owner mean nothing: S3 ignores them). "private" is the
// default ACL, nil.
func Canned(name, owner, bucketOwner string) (ACL, error) {
	own := Grant{owner, FullControl}
	switch name {
	case "private":
		return nil, nil
	case "public-read":
		return ACL{{AllUsers, Read}, own}, nil
	case "public-read-write":
		return ACL{{AllUsers, Read}, {AllUsers, Write}, own}, nil
	case "authenticated-read":
		return ACL{{AuthenticatedUsers, Read}, own}, nil
	case "log-delivery-write":
		return ACL{{LogDelivery, Write}, {LogDelivery, ReadACP}, own}, nil
	case "bucket-owner-read", "bucket-owner-full-control":
		if bucketOwner == "" || bucketOwner == owner {
			return nil, nil
		}
		if name == "bucket-owner-read" {
			return ACL{own, {bucketOwner, Read}}, nil
		}
		return ACL{own, {bucketOwner, FullControl}}, nil
	}
	return nil, ErrCanned
}

// Grants returns what an answer shows: the grants that a stands for when owner
// has the bucket or object, those to groups first.
func (a ACL) Grants(owner string) ACL {
	if a == nil {
		return ACL{{owner, FullControl}}
	}
	shown := make(ACL, 0, len(a))
	for _, groups := range []bool{true, false} {
		for _, g := range a {
			if IsGroup(g.Grantee) == groups {
				shown = append(shown, g)
			}
		}
	}
	return shown
}

// Allows reports whether who has the permission on a bucket or object of owner.
// An owner, whatever the grants say, may read and replace the ACL. Owner ""
// is nobody.
func (a ACL) Allows(who *Identity, p Permission, owner string) bool {
	return a.allows(who, p, owner, false)
}

// allows is Allows, but for grants to the public if ignorePublic is set.
func (a ACL) allows(who *Identity, p Permission, owner string, ignorePublic bool) bool {
	anonymous := who.Anonymous()
	if !anonymous && who.ID == owner && (a == nil || p == ReadACP || p == WriteACP) {
		return true
	}
	for _, g := range a {
		if g.Permission != p && g.Permission != FullControl {
			continue
		}
		switch g.Grantee {
		case AllUsers:
			if !ignorePublic {
				return true
			}
		case AuthenticatedUsers:
			if !ignorePublic && !anonymous {
				return true
			}
		case LogDelivery, "":
		default:
			if !anonymous && g.Grantee == who.ID {
				return true
			}
		}
	}
	return false
}

// Public reports whether a grants anything to everybody, or to everybody who has
// a key.
func (a ACL) Public() bool {
	return slices.ContainsFunc(a, func(g Grant) bool {
		return g.Grantee == AllUsers || g.Grantee == AuthenticatedUsers
	})
}

// nobody is the text of the ACL that is empty but not nil.
const nobody = "-"

// Encode returns a as text to store: a line of permission and grantee for each
// grant; "" for the default one.
func (a ACL) Encode() string {
	if a == nil {
		return ""
	}
	if len(a) == 0 {
		return nobody
	}
	var b strings.Builder
	for i, g := range a {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(string(g.Permission))
		b.WriteByte(' ')
		b.WriteString(g.Grantee)
	}
	return b.String()
}

// DecodeACL is the inverse of Encode.
func DecodeACL(text string) (ACL, error) {
	switch text {
	case "":
		return nil, nil
	case nobody:
		return ACL{}, nil
	}
	a := make(ACL, 0, 1+strings.Count(text, "\n"))
	for line := range strings.SplitSeq(text, "\n") {
		permission, grantee, ok := strings.Cut(line, " ")
		if p := Permission(permission); ok && grantee != "" && p.Valid() {
			a = append(a, Grant{grantee, p})
			continue
		}
		return nil, errors.New("auth: an ACL in no known form")
	}
	return a, nil
}
