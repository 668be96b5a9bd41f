package proxy

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"ais/api"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// onNodes makes a row of what administrators do to the nodes that the message names,
// one after another: the first that cannot be done ends it. It answers the id of the
// rebalance that moves objects because of it, if any.
func onNodes(act func(*Proxy, context.Context, cluster.Node, cluster.MoveOptions) error) func(*Proxy, *nativeCall) error {
	return admins(func(p *Proxy, c *nativeCall) error {
		var asked api.NodesMessage
		if err := c.message.Decode(&asked); err != nil {
			return err
		}
		ids, err := asked.Nodes()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
		defer cancel()
		state, err := p.cluster.Sync(ctx)
		if err != nil {
			return err
		}
		nodes := make([]cluster.Node, len(ids))
		for i, id := range ids {
			var ok bool
			if nodes[i], ok = state.Node(id); !ok {
				return object.E("native", id, object.NotFound, errors.New("there is no node "+id))
			}
		}
		for _, node := range nodes {
			if err := act(p, ctx, node, cluster.MoveOptions{KeepNames: asked.SkipRebalance, Force: asked.Force}); err != nil {
				return err
			}
		}
		if now := p.cluster.State(); len(now.Unmoved()) > 0 {
			c.ctx.SetBodyString(api.RebalanceID(now.Map.Toward))
		}
		return nil
	})
}

func (p *Proxy) startMaintenance(ctx context.Context, node cluster.Node, o cluster.MoveOptions) error {
	_, err := p.cluster.MoveNode(ctx, node.ID, cluster.Maintenance, o)
	return err
}

func (p *Proxy) stopMaintenance(ctx context.Context, node cluster.Node, o cluster.MoveOptions) error {
	_, err := p.cluster.MoveNode(ctx, node.ID, cluster.Active, o)
	return err
}

// decommission takes a node out of the cluster: what is on it is moved to other targets;
// then it is told to end, and removed once it has, by finishLeaving.
func (p *Proxy) decommission(ctx context.Context, node cluster.Node, o cluster.MoveOptions) error {
	if _, err := p.cluster.MoveNode(ctx, node.ID, cluster.Leaving, o); err != nil {
		return err
	}
	p.dropLeaving(ctx)
	return nil
}

// shutdownNode ends a node, which stays a member. The one that embeds etcd is needed by
// all others.
func (p *Proxy) shutdownNode(ctx context.Context, node cluster.Node, _ cluster.MoveOptions) error {
	if node.Etcd {
		return object.E("native", node.ID, object.Refused, errors.New(node.ID+" embeds the cluster's etcd: the other nodes need it; 'shutdown' ends all of them"))
	}
	if !p.cluster.State().IsLive(node.ID) {
		return object.E("native", node.ID, object.Unavailable, errors.New("node "+node.ID+" is down already"))
	}
	return p.act(ctx, node, peer.ActShutdown)
}

// act has a node do something with itself; this node is one of them.
func (p *Proxy) act(ctx context.Context, node cluster.Node, act peer.Act) error {
	if node.ID == p.cfg.ID {
		return p.actHere(act)
	}
	return p.caller.Ask(ctx, node, peer.PathAct, peer.ActRequest{Act: act}, nil)
}

func (p *Proxy) actHere(act peer.Act) error {
	switch act {
	case peer.ActShutdown:
		p.cfg.Logger.Info("this node was told to end")
		p.daemon.End()
	case peer.ActRotateLogs:
		return p.daemon.RotateLogs()
	}
	return nil
}

// actAll has every live node of a choice do something. It returns the first failure,
// after all were asked.
func (p *Proxy) actAll(ctx context.Context, act peer.Act, choice func(cluster.Node) bool) error {
	state := p.cluster.State()
	var failed error
	for _, node := range state.Nodes() {
		if !state.IsLive(node.ID) || !choice(node) {
			continue
		}
		if err := p.act(ctx, node, act); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

// onEvery makes a row of what administrators have the nodes of a choice do.
func onEvery(act peer.Act, choice func(cluster.Node) bool) func(*Proxy, *nativeCall) error {
	return admins(func(p *Proxy, _ *nativeCall) error {
		ctx, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
		defer cancel()
		return p.actAll(ctx, act, choice)
	})
}

func anyNode(cluster.Node) bool       { return true }
func anyTarget(n cluster.Node) bool   { return n.Kind == cluster.Target }
func embedsEtcd(n cluster.Node) bool  { return n.Etcd }
func withoutEtcd(n cluster.Node) bool { return !n.Etcd }

// nativeShutdown ends every node: those that others need, and this one, last.
func (p *Proxy) nativeShutdown(*nativeCall) error {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
	defer cancel()
	err := p.actAll(ctx, peer.ActShutdown, func(n cluster.Node) bool { return withoutEtcd(n) && n.ID != p.cfg.ID })
	if err != nil {
		return err
	}
	go func() {
		wait, cancel := context.WithTimeout(context.Background(), p.cfg.ShutdownGrace)
		defer cancel()
		p.untilEnded(wait)
		if err := p.actAll(wait, peer.ActShutdown, func(n cluster.Node) bool { return embedsEtcd(n) && n.ID != p.cfg.ID }); err != nil {
			p.cfg.Logger.Warn("a node was not told to end", "err", err)
		}
		_ = p.actHere(peer.ActShutdown) // ends this one, and cannot fail
	}()
	return nil
}

// untilEnded waits until no other node than those that embed etcd is alive, or ctx ends.
func (p *Proxy) untilEnded(ctx context.Context) {
	for {
		changes, state := p.cluster.Changes(), p.cluster.State()
		left := false
		for _, node := range state.Nodes() {
			left = left || withoutEtcd(node) && node.ID != p.cfg.ID && state.IsLive(node.ID)
		}
		if !left {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changes:
		}
	}
}

// finishLeaving ends nodes that are leaving once nothing is on them, and removes them
// once they are dead, whichever proxy was asked for it.
func (p *Proxy) finishLeaving(ctx context.Context) {
	for {
		changes := p.cluster.Changes()
		p.dropLeaving(ctx)
		select {
		case <-ctx.Done():
			return
		case <-changes:
		}
	}
}

func (p *Proxy) dropLeaving(ctx context.Context) {
	state := p.cluster.State()
	for _, node := range state.Nodes() {
		if node.State != cluster.Leaving || state.PlacedOn(node.ID) > 0 {
			continue
		}
		wait, cancel := context.WithTimeout(ctx, p.cfg.SyncTimeout)
		var err error
		if state.IsLive(node.ID) {
			err = p.act(wait, node, peer.ActShutdown) // again with each change until it has ended: once does
		} else if err = p.cluster.RemoveNode(wait, node.ID); err == nil {
			p.cfg.Logger.Info("a node was removed", "removed", node.ID)
		}
		cancel()
		if err != nil && object.KindOf(err) != object.NotFound && ctx.Err() == nil { // another proxy was faster
			p.cfg.Logger.Warn("a node that leaves is not removed yet", "leaving", node.ID, "err", err)
		}
	}
}

// nativeResetConfig makes every setting its default again.
func (p *Proxy) nativeResetConfig(*nativeCall) error {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.SyncTimeout)
	defer cancel()
	_, err := p.cluster.UpdateConfig(ctx, func(c *cluster.Config) error {
		auth := c.Auth
		*c = cluster.DefaultConfig()
		c.Auth = auth
		return nil
	})
	return err
}

// nativePrimary answers who wants a proxy to be the primary: each is, for who asks it.
func (p *Proxy) nativePrimary(c *nativeCall) error {
	id, err := url.PathUnescape(strings.TrimPrefix(string(c.ctx.URI().PathOriginal()), api.PathPrimary+"/"))
	if err != nil {
		return object.E("native", api.PathPrimary, object.Invalid, err)
	}
	state := p.cluster.State()
	if node, ok := state.Node(id); !ok || node.Kind != cluster.Proxy {
		return object.E("native", id, object.NotFound, errors.New("there is no proxy "+id))
	}
	if !state.IsLive(id) {
		return object.E("native", id, object.Unavailable, errors.New("proxy "+id+" is down"))
	}
	return nil
}

// nativeJoin answers who wants a node to join: it is a member, or has to be started as
// one.
func (p *Proxy) nativeJoin(ctx *fasthttp.RequestCtx) error {
	var asked api.Node
	if err := api.ReadMessage(ctx, &asked); err != nil {
		return err
	}
	for _, node := range p.cluster.State().Nodes() {
		shown, _ := api.NodeOf(p.cluster.State(), node.ID)
		if node.ID == asked.ID || asked.Public.URL != "" && (asked.Public.URL == shown.Public.URL || asked.Public.URL == shown.Control.URL) {
			return api.WriteJSON(ctx, api.JoinAnswer{ID: node.ID})
		}
	}
	return object.E("native", api.PathJoin, object.Unsupported, errors.New("a node joins by itself: start it with --etcd and --cluster-key of this cluster"))
}
