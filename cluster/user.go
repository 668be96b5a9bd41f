package cluster

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ais/object"
)

// User is somebody who may use the cluster: an account of its own.
type User struct {
	ID          string            `json:"id"` // the access key that the user was made with; never changes
	Name        string            `json:"name"`
	DisplayName string            `json:"display_name"`
	Email       string            `json:"email,omitempty"`
	Root        bool              `json:"root,omitempty"` // made with the cluster; cannot be removed, disabled or demoted
	Admin       bool              `json:"admin,omitempty"`
	Disabled    bool              `json:"disabled,omitempty"`
	Created     time.Time         `json:"created"`
	Keys        []AccessKey       `json:"keys"`
	Policies    map[string]string `json:"policies,omitempty"` // documents, by name

	Revision int64 `json:"-"` // of etcd, of the last change of this user
}

// AccessKey is a name and a secret to sign with.
type AccessKey struct {
	ID       string    `json:"id"`
	Secret   Secret    `json:"secret"` // prints as "redacted"
	Created  time.Time `json:"created"`
	Disabled bool      `json:"disabled,omitempty"`
}

// Bounds of what a user has.
const (
	MinAccessKey    = 3
	MaxAccessKey    = 128
	MinSecret       = 8
	MaxSecret       = 128
	MaxKeys         = 16 // of one user
	MaxUserPolicies = 32
	maxUserText     = 256 // of a name, in bytes
)

// Key returns the user's access key of that id.
func (u *User) Key(id string) (AccessKey, bool) {
	for _, k := range u.Keys {
		if k.ID == id {
			return k, true
		}
	}
	return AccessKey{}, false
}

// Clone returns a copy that shares nothing that can be changed.
func (u *User) Clone() User {
	c := *u
	c.Keys = slices.Clone(u.Keys)
	c.Policies = maps.Clone(u.Policies)
	return c
}

// Check reports whether u can be stored. The error is of kind Invalid; it never
// has a secret.
func (u *User) Check() error {
	bad := func(format string, args ...any) error {
		return object.E("cluster.User", u.ID, object.Invalid, fmt.Errorf(format, args...))
	}
	if err := CheckAccessKey(u.ID); err != nil {
		return bad("the id of a user: %w", err)
	}
	for _, text := range []struct{ what, value string }{{"name", u.Name}, {"display name", u.DisplayName}} {
		if !plainName(text.value) {
			return bad("the %s of a user has 1 to %d bytes, no control characters, and none of / : * ? \" < > &", text.what, maxUserText)
		}
	}
	if len(u.Email) > maxUserText || u.Email != "" && (!strings.Contains(u.Email, "@") || !plainName(u.Email)) {
		return bad("%q is not an e-mail address", u.Email)
	}
	if len(u.Keys) > MaxKeys {
		return bad("a user has at most %d access keys", MaxKeys)
	}
	if len(u.Policies) > MaxUserPolicies {
		return bad("a user has at most %d policies", MaxUserPolicies)
	}
	for _, k := range u.Keys {
		if err := CheckAccessKey(k.ID); err != nil {
			return bad("%w", err)
		}
		if err := CheckSecret(k.Secret); err != nil {
			return bad("access key %s: %w", k.ID, err)
		}
	}
	for name := range u.Policies {
		if !plainName(name) {
			return bad("the name of a policy has 1 to %d bytes, no control characters, and none of / : * ? \" < > &", maxUserText)
		}
	}
	return nil
}

// CheckAccessKey reports whether text can be an access key.
func CheckAccessKey(text string) error {
	legal := len(text) >= MinAccessKey && len(text) <= MaxAccessKey
	for i := 0; legal && i < len(text); i++ {
		c := text[i]
		legal = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("_-.", c) >= 0
	}
	if !legal || strings.Trim(text, ".") == "" {
		return fmt.Errorf("an access key has %d to %d letters, digits, '_', '-' and '.'", MinAccessKey, MaxAccessKey)
	}
	return nil
}

// CheckSecret reports whether a text can be a secret. The error does not have it.
func CheckSecret(s Secret) error {
	legal := len(s) >= MinSecret && len(s) <= MaxSecret
	for i := 0; legal && i < len(s); i++ {
		legal = s[i] > ' ' && s[i] < 0x7f
	}
	if !legal {
		return fmt.Errorf("a secret has %d to %d ASCII characters and no blank", MinSecret, MaxSecret)
	}
	return nil
}

// plainName reports whether a name can be used in ARNs, XML, headers and paths
// without escapes.
func plainName(s string) bool {
	if s == "" || len(s) > maxUserText || strings.Trim(s, ".") == "" || strings.TrimSpace(s) != s {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r == 0x7f || r == '\uFFFD' || strings.ContainsRune(`/:*?"<>&`, r)
	})
}

// CheckUsers reports whether the users can be together: no id, name, e-mail
// address or access key of one is any of these of another, so that whoever a
// policy, a grant or a signature names is one user. The error is of kind Exists.
func CheckUsers(users []User) error {
	owners := map[string]string{}
	for i := range users {
		u := &users[i]
		take := func(what, text string) error {
			if id, taken := owners[text]; taken && id != u.ID {
				return object.E("cluster.User", u.ID, object.Exists, errors.New("the "+what+" "+text+" belongs to another user, as an id, name, address or access key"))
			}
			owners[text] = u.ID
			return nil
		}
		if err := errors.Join(take("id", u.ID), take("name", u.Name)); err != nil {
			return err
		}
		if u.Email != "" {
			if err := take("e-mail address", strings.ToLower(u.Email)); err != nil { // grants find it in any case
				return err
			}
		}
		for _, k := range u.Keys {
			if err := take("access key", k.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
