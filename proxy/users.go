package proxy

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"ais/api"
	"ais/auth"
	"ais/cluster"
	"ais/cluster/etcd"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// nativeLogin answers a login with a bearer token.
func (p *Proxy) nativeLogin(ctx *fasthttp.RequestCtx) error {
	if !p.access.On() {
		return object.E("native.login", "", object.Unsupported, errNoUsers)
	}
	if _, err := p.access.IdentifyHTTP(ctx); err != nil { // before the body is taken: a signature covers it
		return err
	}
	var m api.Login
	if err := api.ReadMessage(ctx, &m); err != nil {
		return err
	}
	token, user, expires, err := p.access.Login(ctx, m.AccessKey, m.SecretKey, time.Duration(m.ExpiresIn)*time.Second)
	if err != nil {
		return err
	}
	ctx.Response.Header.Set("Cache-Control", "no-store")
	return api.WriteJSON(ctx, api.Token{Token: token, User: user, Expires: expires})
}

var errNoUsers = errors.New("the cluster was made with auth off: it has no users")

// nativeUsers answers calls about users.
func (p *Proxy) nativeUsers(ctx *fasthttp.RequestCtx) error {
	rest := strings.TrimPrefix(string(ctx.URI().PathOriginal()), api.PathUsers)
	if !p.access.On() {
		return object.E("native.users", "", object.Unsupported, errNoUsers)
	}
	id, kind, name, err := splitUser(rest)
	if err != nil {
		return err
	}
	ownRecord := ctx.IsGet() && kind == "" && id != "" && id == userID(ctx)
	if !p.admin(ctx) && !ownRecord {
		return object.E("native.users", id, object.Denied, errNotAdmin)
	}
	wait, cancel := context.WithTimeout(context.Background(), p.cfg.SyncTimeout)
	defer cancel()
	switch call := string(ctx.Method()) + " " + kind; {
	case id == "" && call == "GET ":
		return p.listUsers(wait, ctx)
	case id == "" && call == "POST ":
		return p.createUser(wait, ctx)
	case id == "":
	case call == "GET ":
		return p.showUser(wait, ctx, id)
	case call == "PATCH ":
		return p.changeUser(wait, ctx, id)
	case call == "DELETE ":
		return p.cluster.RemoveUser(wait, id)
	case call == "POST "+api.PathKeys && name == "":
		return p.addKey(wait, ctx, id)
	case call == "DELETE "+api.PathKeys && name != "":
		return p.removeKey(wait, id, name)
	case call == "PUT "+api.PathPolicies && name != "":
		return p.setPolicy(wait, ctx, id, name)
	case call == "DELETE "+api.PathPolicies && name != "":
		return p.removePolicy(wait, id, name)
	}
	return unsupported(ctx, api.PathUsers+rest)
}

func splitUser(rest string) (id, kind, name string, err error) {
	id, kind, name, ok := api.SplitUserPath(rest)
	if !ok {
		return "", "", "", object.E("native.users", rest, object.Invalid, errors.New("no such path"))
	}
	for _, part := range []*string{&id, &name} {
		if *part, err = url.PathUnescape(*part); err != nil {
			return "", "", "", object.E("native.users", rest, object.Invalid, err)
		}
	}
	return id, kind, name, nil
}

func (p *Proxy) listUsers(wait context.Context, ctx *fasthttp.RequestCtx) error {
	state, err := p.cluster.Sync(wait)
	if err != nil {
		return err
	}
	all := make([]api.User, 0, len(state.Users()))
	for _, u := range state.Users() {
		all = append(all, userMessage(u))
	}
	slices.SortFunc(all, func(a, b api.User) int { return strings.Compare(a.Name, b.Name) })
	return api.WriteJSON(ctx, all)
}

func (p *Proxy) showUser(wait context.Context, ctx *fasthttp.RequestCtx, id string) error {
	state, err := p.cluster.Sync(wait)
	if err != nil {
		return err
	}
	u, ok := state.User(id)
	if !ok {
		return object.E("native.users", id, object.NotFound, errNoUser)
	}
	return api.WriteJSON(ctx, userMessage(u))
}

var (
	errNoUser   = errors.New("no such user")
	errNoKey    = errors.New("the user has no such key")
	errNoPolicy = errors.New("the user has no such policy")
)

// userMessage is what may be told of a user: everything but secrets.
func userMessage(u *cluster.User) api.User {
	m := api.User{
		ID: u.ID, Name: u.Name, DisplayName: u.DisplayName, Email: u.Email, Root: u.Root, Admin: u.Admin,
		Disabled: u.Disabled, Created: u.Created, Keys: []api.UserKey{}, Policies: u.Policies,
	}
	for _, k := range u.Keys {
		m.Keys = append(m.Keys, api.UserKey{AccessKey: k.ID, Created: k.Created, Disabled: k.Disabled})
	}
	return m
}

// newKey returns the key that is asked for, what is empty made up.
func newKey(accessKey, secret string) cluster.AccessKey {
	key := etcd.NewAccessKey(rand.Reader)
	if accessKey != "" {
		key.ID = accessKey
	}
	if secret != "" {
		key.Secret = cluster.Secret(secret)
	}
	return key
}

func (p *Proxy) createUser(wait context.Context, ctx *fasthttp.RequestCtx) error {
	var m api.NewUser
	if err := api.ReadMessage(ctx, &m); err != nil {
		return err
	}
	for name, document := range m.Policies {
		if err := checkPolicy(name, []byte(document)); err != nil {
			return err
		}
	}
	key := newKey(m.AccessKey, m.SecretKey)
	if err := checkReserved(key.ID, m.Name); err != nil {
		return err
	}
	u, err := p.cluster.CreateUser(wait, cluster.User{
		ID: key.ID, Name: m.Name, DisplayName: m.DisplayName, Email: m.Email, Admin: m.Admin,
		Keys: []cluster.AccessKey{key}, Policies: m.Policies,
	})
	if err != nil {
		return err
	}
	p.cfg.Logger.Info("user created", "user", u.ID, "admin", u.Admin, "by", userID(ctx))
	answer := userMessage(&u)
	answer.Keys[0].SecretKey = string(key.Secret)
	ctx.Response.Header.Set("Cache-Control", "no-store")
	return api.WriteJSON(ctx, answer)
}

// checkReserved refuses ids and names that stand for who has no key: in grants and
// as an owner, and in the conditions of policies.
func checkReserved(names ...string) error {
	for _, name := range names {
		if name == s3api.Anyone.ID || strings.EqualFold(name, s3api.Anyone.DisplayName) {
			return object.E("native.users", name, object.Exists, errors.New("the name stands for who has no access key"))
		}
	}
	return nil
}

func (p *Proxy) changeUser(wait context.Context, ctx *fasthttp.RequestCtx, id string) error {
	var m api.UserChange
	if err := api.ReadMessage(ctx, &m); err != nil {
		return err
	}
	if m.Name != nil {
		if err := checkReserved(*m.Name); err != nil {
			return err
		}
	}
	u, err := p.cluster.UpdateUser(wait, id, func(u *cluster.User) error {
		assign(&u.Name, m.Name)
		assign(&u.DisplayName, m.DisplayName)
		assign(&u.Email, m.Email)
		assign(&u.Admin, m.Admin)
		assign(&u.Disabled, m.Disabled)
		return nil
	})
	if err != nil {
		return err
	}
	p.cfg.Logger.Info("user changed", "user", u.ID, "admin", u.Admin, "disabled", u.Disabled, "by", userID(ctx))
	return api.WriteJSON(ctx, userMessage(&u))
}

func assign[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

func (p *Proxy) addKey(wait context.Context, ctx *fasthttp.RequestCtx, id string) error {
	var m api.NewKey
	if err := api.ReadMessage(ctx, &m); err != nil {
		return err
	}
	key := newKey(m.AccessKey, m.SecretKey)
	if err := checkReserved(key.ID); err != nil {
		return err
	}
	u, err := p.cluster.UpdateUser(wait, id, func(u *cluster.User) error {
		if there, ok := u.Key(key.ID); ok && there.Secret != key.Secret {
			return object.E("native.keys", key.ID, object.Exists, errors.New("the user has that key already"))
		} else if !ok {
			u.Keys = append(u.Keys, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.cfg.Logger.Info("access key added", "user", id, "access_key", key.ID, "by", userID(ctx))
	made, _ := u.Key(key.ID)
	ctx.Response.Header.Set("Cache-Control", "no-store")
	return api.WriteJSON(ctx, api.UserKey{AccessKey: made.ID, SecretKey: string(made.Secret), Created: made.Created})
}

func (p *Proxy) removeKey(wait context.Context, id, accessKey string) error {
	_, err := p.cluster.UpdateUser(wait, id, func(u *cluster.User) error {
		before := len(u.Keys)
		u.Keys = slices.DeleteFunc(u.Keys, func(k cluster.AccessKey) bool { return k.ID == accessKey })
		if len(u.Keys) == before {
			return object.E("native.keys", accessKey, object.NotFound, errNoKey)
		}
		return nil
	})
	return err
}

// checkPolicy reports whether a document can be a user's policy.
func checkPolicy(name string, document []byte) error {
	if _, err := auth.ParseUserPolicy(document); err != nil {
		return object.E("native.policies", name, object.Invalid, err)
	}
	return nil
}

func (p *Proxy) setPolicy(wait context.Context, ctx *fasthttp.RequestCtx, id, name string) error {
	document, err := api.ReadDocument(ctx, auth.MaxPolicy)
	if err != nil {
		return err
	}
	if err := checkPolicy(name, document); err != nil {
		return err
	}
	_, err = p.cluster.UpdateUser(wait, id, func(u *cluster.User) error {
		if u.Policies == nil {
			u.Policies = map[string]string{}
		}
		u.Policies[name] = string(document)
		return nil
	})
	return err
}

func (p *Proxy) removePolicy(wait context.Context, id, name string) error {
	_, err := p.cluster.UpdateUser(wait, id, func(u *cluster.User) error {
		if _, ok := u.Policies[name]; !ok {
			return object.E("native.policies", name, object.NotFound, errNoPolicy)
		}
		delete(u.Policies, name)
		return nil
	})
	return err
}
