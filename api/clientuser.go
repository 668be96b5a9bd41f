package api

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ais/object"
)

// Users returns every user, sorted by name.
func (c *Client) Users(ctx context.Context) ([]User, error) {
	var all []User
	err := c.decode(ctx, call{method: http.MethodGet, path: PathUsers}, &all)
	return all, err
}

// User returns one user. Kind: NotFound.
func (c *Client) User(ctx context.Context, id string) (User, error) {
	var u User
	err := c.decode(ctx, call{method: http.MethodGet, path: userPath(id)}, &u)
	return u, err
}

// CreateUser makes a user and returns it with its key and secret, which no other
// call ever returns. Kinds: Invalid, Exists.
func (c *Client) CreateUser(ctx context.Context, n NewUser) (User, error) {
	var u User
	err := c.decodeBody(ctx, http.MethodPost, PathUsers, n, &u)
	return u, err
}

// UpdateUser changes a user. Kinds: NotFound, Invalid, Exists.
func (c *Client) UpdateUser(ctx context.Context, id string, change UserChange) (User, error) {
	var u User
	err := c.decodeBody(ctx, http.MethodPatch, userPath(id), change, &u)
	return u, err
}

// RemoveUser removes a user with its keys. Kinds: NotFound, NotEmpty while it owns
// a bucket, Invalid for root.
func (c *Client) RemoveUser(ctx context.Context, id string) error {
	_, err := c.finish(ctx, call{method: http.MethodDelete, path: userPath(id)})
	return err
}

// AddKey gives a user one more key and returns it with its secret. Kinds:
// NotFound, Invalid, Exists.
func (c *Client) AddKey(ctx context.Context, user string, n NewKey) (UserKey, error) {
	var k UserKey
	err := c.decodeBody(ctx, http.MethodPost, userPath(user, PathKeys), n, &k)
	return k, err
}

// RemoveKey takes a key away. Kind: NotFound.
func (c *Client) RemoveKey(ctx context.Context, user, key string) error {
	_, err := c.finish(ctx, call{method: http.MethodDelete, path: userPath(user, PathKeys, key)})
	return err
}

// SetPolicy gives a user a policy, or replaces the one of that name. Kinds:
// NotFound, Invalid.
func (c *Client) SetPolicy(ctx context.Context, user, name string, document []byte) error {
	_, err := c.finish(ctx, jsonCall(http.MethodPut, userPath(user, PathPolicies, name), document))
	return err
}

// RemovePolicy takes a policy away. Kind: NotFound.
func (c *Client) RemovePolicy(ctx context.Context, user, name string) error {
	_, err := c.finish(ctx, call{method: http.MethodDelete, path: userPath(user, PathPolicies, name)})
	return err
}

// Login returns a bearer token for whoever signs the client's requests, good for
// about d; 0 is the server's default.
func (c *Client) Login(ctx context.Context, d time.Duration) (Token, error) {
	var t Token
	err := c.decodeBody(ctx, http.MethodPost, PathLogin, Login{ExpiresIn: int64(d / time.Second)}, &t)
	return t, err
}

func userPath(parts ...string) string {
	var b strings.Builder
	b.WriteString(PathUsers)
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

// decodeBody sends a message and reads the answer into to.
func (c *Client) decodeBody(ctx context.Context, method, path string, message, to any) error {
	raw, err := jsonAPI.Marshal(message)
	if err != nil {
		return object.E("api.Client", path, object.Internal, err)
	}
	return c.decode(ctx, jsonCall(method, path, raw), to)
}

func jsonCall(method, path string, raw []byte) call {
	return call{
		method: method, path: path,
		header: http.Header{"Content-Type": {ContentJSON}},
		body:   newBody(bytes.NewReader(raw), int64(len(raw))),
	}
}
