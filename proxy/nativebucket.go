package proxy

import (
	"context"

	"ais/api"
	"ais/cluster"
	"ais/object"

	"github.com/valyala/fasthttp"
)

func (p *Proxy) nativeBuckets(ctx *fasthttp.RequestCtx) error {
	wait, cancel := context.WithTimeout(context.Background(), p.cfg.SyncTimeout)
	defer cancel()
	state, err := p.cluster.Sync(wait)
	if err != nil {
		return err
	}
	presence, err := api.ReadPresence(ctx)
	if err != nil {
		return err
	}
	provider := object.Provider("")
	if text := string(ctx.QueryArgs().Peek(api.QueryProvider)); text != "" {
		if provider, err = object.ParseProvider(text); err != nil {
			return err
		}
	}
	if presence == api.ExistingElsewhere { // what is listed is in the cluster
		return api.WriteJSON(ctx, []api.Bucket{})
	}
	return api.WriteJSON(ctx, p.ownBuckets(ctx, state, provider))
}

func (p *Proxy) nativeCreate(ctx *fasthttp.RequestCtx, to api.Target, message api.ActionMessage) error {
	if err := p.access.RequireCreate(ctx, to.Bucket.Name); err != nil {
		return err
	}
	props := cluster.DefaultProps(to.Bucket.Provider, false, p.cluster.State().Config)
	if message.HasValue() {
		given, err := api.ParseProperties(message)
		if err != nil {
			return err
		}
		if props, err = api.ChangeProps(props, given); err != nil {
			return err
		}
		props = oneCopy(props, given)
	}
	b := cluster.Bucket{Provider: to.Bucket.Provider, Name: to.Bucket.Name, Owner: userID(ctx), Props: props, LastRemote: props.BackendBck}
	if b.Provider == object.AWS {
		_, err := p.createRemote(ctx, b, !ctx.QueryArgs().GetBool(api.QuerySkipLookup))
		return err
	}
	if err := p.checkBackend(ctx, &cluster.Bucket{Provider: b.Provider, Name: b.Name}, &b.Props); err != nil {
		return err
	}
	_, err := p.createBucket(b)
	return err
}

func (p *Proxy) nativeDestroy(ctx *fasthttp.RequestCtx, to api.Target) error {
	b, err := p.bucket(to.Bucket.Provider, to.Bucket.Name)
	if err != nil {
		return err
	}
	for _, need := range []struct{ action, key string }{{"s3:DeleteBucket", ""}, {"s3:DeleteObject", "*"}} { // it goes with its objects
		if err := p.access.RequireHTTP(ctx, need.action, b, need.key); err != nil {
			return err
		}
	}
	return p.deleteBucket(b, true)
}

func (p *Proxy) nativeList(ctx *fasthttp.RequestCtx, to api.Target, message api.ActionMessage) error {
	b, err := p.named(ctx, to.Bucket.Provider, to.Bucket.Name)
	if err == nil {
		err = p.access.RequireHTTP(ctx, "s3:ListBucket", b, "")
	}
	if err != nil {
		return err
	}
	list, err := api.ParseList(message)
	if err != nil {
		return err
	}
	resume, err := resumeArchive(&list)
	if err != nil {
		return err
	}
	page, err := p.nativePage(b, list)
	if err != nil {
		return err
	}
	state := p.cluster.State()
	owner := func(i int) string {
		node, _, err := state.Owner(b, object.Name{Bucket: b.ID, Key: page.Entries[i].Key})
		if err != nil {
			return ""
		}
		return node.ID
	}
	result := api.NewListResult(list, page, owner)
	if list.Has(api.ListArchives) {
		if result, err = p.expandArchives(ctx, b, list, resume, result); err != nil {
			return err
		}
	}
	return api.WriteList(ctx, result)
}

// nativePage returns a page of the bucket's names: of a remote one with where each
// object is, or only of what is here, which takes no remote.
func (p *Proxy) nativePage(b *cluster.Bucket, list api.ListMessage) (object.Page, error) {
	if _, remote := b.Remote(); remote && !list.Has(api.ListCached) {
		return p.listBoth(b, list.Query(), nil)
	}
	return p.listHere(b, list.Query())
}
