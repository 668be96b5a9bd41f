package proxy

import (
	"errors"
	"slices"
	"strings"

	"ais/access"
	"ais/api"
	"ais/auth"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

var errNotAdmin = errors.New("only an administrator may do that")

// identifyNative finds out who makes a native call. Calls for objects may come
// without credentials, for what is public; of the others only those that need
// none.
func (p *Proxy) identifyNative(ctx *fasthttp.RequestCtx, path string) error {
	if !p.access.On() || path == api.PathHealth || path == api.PathLogin {
		return nil
	}
	if access.Who(ctx) == nil && len(ctx.Request.Header.Peek(peer.HeaderTicket)) > 0 {
		ticket, _, err := p.caller.Verify(ctx)
		if err != nil || ticket.Principal == peer.NodePrincipal {
			return object.E("native", path, object.Denied, nil)
		}
		if err := p.access.Accept(ctx, ticket, false); err != nil {
			return err
		}
	}
	who, err := p.access.IdentifyHTTP(ctx)
	if err != nil {
		return err
	}
	named := strings.HasPrefix(path, api.PathObjects) || strings.HasPrefix(path, api.PathBuckets)
	if who.Anonymous() && !named {
		return object.E("native", path, object.Denied, errors.New("the call has no credentials"))
	}
	return nil
}

// admin reports whether who makes the call may change the cluster: everybody while
// auth is off.
func (p *Proxy) admin(ctx *fasthttp.RequestCtx) bool {
	who := access.Who(ctx)
	return !p.access.On() || who != nil && who.Admin && who.Session == nil
}

// userID returns the id of who makes the call; "" while auth is off.
func userID(ctx *fasthttp.RequestCtx) string {
	if who := access.Who(ctx); who != nil {
		return who.ID
	}
	return ""
}

// mayObject refuses an object call that nothing known of the object could allow;
// the owner has the last word.
func (p *Proxy) mayObject(ctx *fasthttp.RequestCtx, call api.ObjectCall, b *cluster.Bucket, key string) error {
	action, ok := call.Kind.Action()
	if !ok {
		return nil // the owner decides, or says what is wrong
	}
	if p.access.DecideHTTP(ctx, action, b, key, nil) == auth.Deny {
		return object.E("native", key, object.Denied, nil)
	}
	return nil
}

// mayConfigure allows the bucket's owner and admins.
func (p *Proxy) mayConfigure(ctx *fasthttp.RequestCtx, b *cluster.Bucket) error {
	who := access.Who(ctx)
	if p.admin(ctx) || who != nil && !who.Anonymous() && who.ID == b.Owner && who.Session == nil {
		return nil
	}
	return object.E("native", b.Name, object.Denied, errors.New("only the bucket's owner and administrators may do that"))
}

// lists reports whether a bucket is in the caller's list of buckets: it is its own,
// or the caller an admin.
func (p *Proxy) lists(ctx *fasthttp.RequestCtx, b *cluster.Bucket) bool {
	id := userID(ctx)
	return p.admin(ctx) || id != "" && id == b.Owner
}

// ownBuckets returns the names of the buckets that lists reports.
func (p *Proxy) ownBuckets(ctx *fasthttp.RequestCtx, state *cluster.State, provider object.Provider) []api.Bucket {
	return slices.DeleteFunc(api.NewBuckets(state, provider), func(name api.Bucket) bool {
		b, ok := state.Bucket(name.Provider, name.Name)
		return !ok || !p.lists(ctx, b)
	})
}
