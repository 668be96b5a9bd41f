// Package proxy is a gateway: it finds the target that owns an object and sends
// the client there, or relays the bytes; it serves bucket operations itself and
// merges what the targets know into listings.
//
// A proxy holds nothing that is not in etcd: any number of them are equal, and
// any may die. It never decides where a name lives (the cluster map does) and
// never looks into a body that it relays (the target verifies it).
package proxy

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"ais/access"
	"ais/api"
	"ais/cluster"
	"ais/cluster/etcd"
	"ais/cluster/peer"
	"ais/daemon"
	"ais/load"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// Proxy is one gateway.
type Proxy struct {
	cfg     Config
	cluster *etcd.Store
	caller  *peer.Caller
	access  *access.Control
	s3      *s3api.Server
	cors    s3api.CORSCache
	server  *fasthttp.Server
	metrics *metrics
	daemon  *daemon.Daemon
	lookups *lookups
	load    *load.Limiter
	held    atomic.Int64 // requests; see hold
	leaving atomic.Bool  // told to end
	started time.Time
}

// New returns a proxy of the cluster that members keeps. The caller closes both
// members and peers after Run.
func New(cfg Config, members *etcd.Store, peers *peer.Client) (*Proxy, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p := &Proxy{
		cfg:     cfg,
		cluster: members,
		caller:  peer.NewCaller(peers, cfg.ID, members.State, cfg.Now),
		lookups: newLookups(),
		started: cfg.Now(),
	}
	p.metrics = newMetrics(cfg.Registry, p)
	cfg.Load.Registerer = cfg.Registry
	p.load = load.New(cfg.Load)
	p.daemon = daemon.New(daemon.Config{
		ID: cfg.ID, State: members.State, Status: p.status, Log: cfg.Log, Settings: cfg.Settings, Registry: cfg.Registry, Logger: cfg.Logger,
	})
	var err error
	if p.access, err = newAccess(&cfg, members); err != nil {
		return nil, err
	}
	protocol := s3api.DefaultConfig()
	protocol.Handler, protocol.Domains, protocol.Expect = p, cfg.Domains, p.expect
	protocol.CORS, protocol.PassesOn = p.corsRules, passesOn(p.access)
	protocol.Logger, protocol.Registerer = cfg.Logger, cfg.Registry
	if p.s3, err = s3api.NewServer(protocol); err != nil {
		return nil, err
	}
	p.server = &fasthttp.Server{}
	s3api.ConfigureServer(p.server, p.s3, p.handle, cfg.IdleTimeout)
	p.load.Bound(p.server)
	p.server.ExpectHandler = p.expectAny
	p.server.HeaderReceived = announceProbes(p.server.HeaderReceived)
	return p, nil
}

// Run serves on listener until ctx ends or the node is told to end, then lets what is in flight finish: see drain.
func (p *Proxy) Run(ctx context.Context, listener net.Listener) error {
	ctx, cancelTasks := context.WithCancel(ctx)
	defer cancelTasks()
	ended := make(chan error, 1)
	go func() { ended <- p.server.Serve(listener) }()
	following, unfollow := context.WithCancel(context.WithoutCancel(ctx)) // while requests end, too
	defer unfollow()
	go p.caller.Follow(following, p.cluster.Changes)
	go p.finishDeletions(ctx)
	go p.finishLeaving(ctx)
	select {
	case err := <-ended:
		return err
	case <-p.cluster.Superseded():
		return errors.New("another process has joined the cluster as " + p.cfg.ID)
	case <-p.daemon.Quit():
		cancelTasks()
	case <-ctx.Done():
	}
	p.drain()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.cfg.ShutdownGrace)
	defer cancel()
	return p.server.ShutdownWithContext(grace)
}

// handle is where every request to this node comes in.
func (p *Proxy) handle(ctx *fasthttp.RequestCtx) {
	path := ctx.Request.Header.RequestURI()
	virtual := p.s3.VirtualHost(ctx)
	native := !virtual && bytes.HasPrefix(path, []byte("/v1/"))
	if virtual || !daemon.Always(path) {
		if err := p.enter(ctx); err != nil {
			p.refuse(ctx, native, err)
			return
		}
	}
	p.serve(ctx, path, virtual, native)
	if p.leaving.Load() {
		ctx.Response.SetConnectionClose()
	}
}

// serve serves a request that was admitted.
func (p *Proxy) serve(ctx *fasthttp.RequestCtx, path []byte, virtual, native bool) {
	switch {
	case virtual:
		p.s3.Serve(ctx)
	case native:
		p.serveNative(ctx)
	case string(path) == peer.PathStatus, string(path) == peer.PathAct:
		p.serveNode(ctx)
	case isSTS(ctx) && p.access.On():
		p.serveSTS(ctx)
	case string(ctx.Path()) == "/metrics":
		p.metrics.handler(ctx)
	case string(ctx.Path()) == "/health":
		p.serveHealth(ctx)
	default:
		p.s3.Serve(ctx)
	}
}

// serveHealth answers 200 while the process lives; with ?readiness=true, 503 where
// clients should go elsewhere; with ?prr=true, 503 until there is a target besides.
func (p *Proxy) serveHealth(ctx *fasthttp.RequestCtx) {
	state, now := p.cluster.State(), p.cfg.Now()
	query := ctx.QueryArgs()
	primary := query.GetBool(api.QueryPrimary)
	why := ""
	switch {
	case !primary && !query.GetBool(api.QueryReadiness):
	case p.leaving.Load():
		why = "this proxy is about to end\n"
	case !state.IsLive(p.cfg.ID):
		why = "this proxy is not in the cluster map's live set\n"
	case state.Status(p.cfg.ID) != cluster.Active:
		why = "this proxy is under maintenance\n"
	case primary && !slices.ContainsFunc(state.Targets(), func(n cluster.Node) bool { return state.IsLive(n.ID) }):
		why = "no target is alive\n"
	}
	if why != "" {
		ctx.Error(why, fasthttp.StatusServiceUnavailable)
	} else {
		ctx.SetBodyString("ok\n")
	}
	api.SetUptime(&ctx.Response.Header, now.Sub(state.Map.Created), now.Sub(p.started))
}

// serveNode answers another node of the cluster: with this node's status, or by doing
// what it is told.
func (p *Proxy) serveNode(ctx *fasthttp.RequestCtx) {
	if p.cfg.NodeCerts && !peer.Certified(ctx) {
		ctx.Error("no verified certificate of a node\n", fasthttp.StatusForbidden)
		return
	}
	ticket, found, err := p.caller.Verify(ctx)
	if err != nil || !found || ticket.Principal != peer.NodePrincipal {
		ctx.Error("no valid ticket of a node of this cluster\n", fasthttp.StatusForbidden)
		return
	}
	if string(ctx.Path()) == peer.PathStatus {
		err = api.WriteJSON(ctx, p.daemon.Status())
	} else {
		var asked peer.ActRequest
		if err = api.ReadMessage(ctx, &asked); err == nil {
			err = p.actHere(asked.Act)
		}
	}
	if err != nil {
		ctx.Error(err.Error(), fasthttp.StatusInternalServerError)
	}
}
