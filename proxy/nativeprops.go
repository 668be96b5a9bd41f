package proxy

import (
	"context"
	"errors"

	"ais/api"
	"ais/cluster"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// errPropsChanged is why properties are not set.
var errPropsChanged = errors.New("somebody else has changed its properties since you looked at them; look again, then change what is still to be changed")

// nativeSetProps changes properties of a bucket, all that are given or none. The
// change is one of the bucket as the sender knows it, whose revision If-Match names,
// or else as it is when the call comes in: where its properties are others by the time
// of the change, the error is of kind Conflict.
func (p *Proxy) nativeSetProps(ctx *fasthttp.RequestCtx, to api.Target, message api.ActionMessage) error {
	b, err := p.freshBucket(to.Bucket.Provider, to.Bucket.Name)
	if err != nil {
		return err
	}
	if err := p.mayConfigure(ctx, b); err != nil {
		return err
	}
	props, err := p.askedProps(b, message)
	if err == nil {
		err = p.checkBackend(ctx, b, &props)
	}
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(context.Background(), p.cfg.SyncTimeout)
	defer cancel()
	_, err = p.cluster.UpdateBucket(wait, b, func(now *cluster.Bucket) error {
		if !api.MatchesBucket(ctx, now) || now.Props != b.Props {
			return object.E("native.setProps", b.Name, object.Conflict, errPropsChanged)
		}
		if now.Props = props; props.BackendBck != "" {
			now.LastRemote = props.BackendBck
		}
		return nil
	})
	return err
}

// askedProps returns what the properties of b are to be.
func (p *Proxy) askedProps(b *cluster.Bucket, message api.ActionMessage) (cluster.Props, error) {
	if message.Action == api.ActionResetProps {
		fresh := cluster.DefaultProps(b.Provider, false, p.cluster.State().Config)
		fresh.BackendBck, fresh.Remote = b.Props.BackendBck, b.Props.Remote // where the objects are, not what is done with them
		return oneCopy(fresh, nil), nil
	}
	given, err := api.ParseProperties(message)
	if err != nil {
		return cluster.Props{}, err
	}
	return api.ChangeProps(b.Props, given)
}

// oneCopy returns properties with one copy where a remote bucket is behind and none were
// asked for: the cluster's default is for what is here alone.
func oneCopy(props cluster.Props, given api.Properties) cluster.Props {
	if props.BackendBck != "" && given.Get("copies") == "" {
		props.Copies = 1
	}
	return props
}
