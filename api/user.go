package api

import (
	"strings"
	"time"
)

// Paths about users. Users is followed by an id, then by Keys and a key, or
// Policies and a name.
const (
	PathUsers    = "/v1/auth/users"
	PathLogin    = "/v1/auth/login"
	PathKeys     = "keys"
	PathPolicies = "policies"
)

// User is what the cluster tells of a user. Secrets are in the answer to the
// call that made a key, and nowhere else.
type User struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	DisplayName string            `json:"display_name"`
	Email       string            `json:"email,omitempty"`
	Root        bool              `json:"root,omitempty"`
	Admin       bool              `json:"admin,omitempty"`
	Disabled    bool              `json:"disabled,omitempty"`
	Created     time.Time         `json:"created"`
	Keys        []UserKey         `json:"keys"`
	Policies    map[string]string `json:"policies,omitempty"` // documents, by name
}

// UserKey is an access key of a user.
type UserKey struct {
	AccessKey string    `json:"access_key"`
	SecretKey string    `json:"secret_key,omitempty"` // only where the key was just made
	Created   time.Time `json:"created"`
	Disabled  bool      `json:"disabled,omitempty"`
}

// String returns the access key; the secret is not for printing.
func (k UserKey) String() string { return k.AccessKey }

// GoString is String.
func (k UserKey) GoString() string { return k.AccessKey }

// NewUser asks for a user. What is empty is made up (the keys) or derived (the
// names, from the access key).
type NewUser struct {
	Name        string            `json:"name,omitempty"`
	DisplayName string            `json:"display_name,omitempty"`
	Email       string            `json:"email,omitempty"`
	Admin       bool              `json:"admin,omitempty"`
	AccessKey   string            `json:"access_key,omitempty"`
	SecretKey   string            `json:"secret_key,omitempty"`
	Policies    map[string]string `json:"policies,omitempty"`
}

// UserChange changes what is not nil.
type UserChange struct {
	Name        *string `json:"name,omitempty"`
	DisplayName *string `json:"display_name,omitempty"`
	Email       *string `json:"email,omitempty"`
	Admin       *bool   `json:"admin,omitempty"`
	Disabled    *bool   `json:"disabled,omitempty"`
}

// NewKey asks for an access key; what is empty is made up.
type NewKey struct {
	AccessKey string `json:"access_key,omitempty"`
	SecretKey string `json:"secret_key,omitempty"`
}

// Login asks for a bearer token. The keys may be left out where the request is
// signed, so that no secret is sent.
type Login struct {
	AccessKey string `json:"access_key,omitempty"`
	SecretKey string `json:"secret_key,omitempty"`
	ExpiresIn int64  `json:"expires_in,omitempty"` // seconds; 0 is the server's default
}

// Token is a bearer token: "Authorization: Bearer …" on any call of this API.
type Token struct {
	Token   string    `json:"token"`
	User    string    `json:"user"` // id
	Expires time.Time `json:"expires"`
}

// SplitUserPath splits what follows PathUsers: the user's id, PathKeys or
// PathPolicies, and the key or the policy's name, each unescaped by the caller
// and "" where the path ends before.
func SplitUserPath(rest string) (id, kind, name string, ok bool) {
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	if len(parts) > 3 || len(parts) > 1 && parts[1] != PathKeys && parts[1] != PathPolicies {
		return "", "", "", false
	}
	parts = append(parts, "", "")
	return parts[0], parts[1], parts[2], true
}
