package proxy

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"

	"ais/api"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// nativeDaemon answers what is asked of this node itself.
func (p *Proxy) nativeDaemon(ctx *fasthttp.RequestCtx) error {
	return p.daemon.Answer(ctx, p.admin(ctx))
}

// nativeReverse answers what is asked of a node: that node does, and decides whether
// who asks may have it.
func (p *Proxy) nativeReverse(c *nativeCall, node cluster.Node) error {
	if node.ID == p.cfg.ID {
		return p.nativeDaemon(c.ctx)
	}
	if !p.cluster.State().IsLive(node.ID) {
		return object.E("native", node.ID, object.Unavailable, errors.New("node "+node.ID+" is down"))
	}
	return p.caller.Forward(c.ctx, node, "", p.access.Grant(c.ctx))
}

func (p *Proxy) nativeConfig(ctx *fasthttp.RequestCtx) error {
	return api.WriteJSON(ctx, api.ConfigProperties(p.cluster.State().Config))
}

func (p *Proxy) nativeStats(ctx *fasthttp.RequestCtx) error { return api.WriteJSON(ctx, p.stats()) }

func (p *Proxy) nativeSystems(ctx *fasthttp.RequestCtx) error { return api.WriteJSON(ctx, p.systems()) }

// nativeRemotes answers which other clusters this one is attached to: none can be.
func (p *Proxy) nativeRemotes(ctx *fasthttp.RequestCtx) error {
	return api.WriteJSON(ctx, api.RemoteClusters{Attached: []string{}})
}

func (p *Proxy) nativeBackends(ctx *fasthttp.RequestCtx) error {
	backends := []object.Provider{}
	if p.cluster.State().Config.Backend.Enabled {
		backends = append(backends, object.AWS)
	}
	return api.WriteJSON(ctx, backends)
}

func (p *Proxy) nativeTargetIPs(ctx *fasthttp.RequestCtx) error {
	ctx.SetBodyString(strings.Join(targetHosts(p.cluster.State()), ","))
	return nil
}

func (p *Proxy) nativeHealth(ctx *fasthttp.RequestCtx) error {
	p.serveHealth(ctx)
	return nil
}

// targetHosts returns where the targets are, each host once.
func targetHosts(state *cluster.State) []string {
	hosts := []string{}
	for _, node := range state.Targets() {
		if u, err := url.Parse(node.URL); err == nil {
			hosts = append(hosts, hostOf(u))
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

func hostOf(u *url.URL) string {
	if host, _, err := net.SplitHostPort(u.Host); err == nil {
		return host
	}
	return u.Host
}

// nativeSetConfig sets the cluster's settings that the query names.
func (p *Proxy) nativeSetConfig(c *nativeCall) error {
	var given api.Properties
	for key, value := range c.ctx.QueryArgs().All() {
		if string(key) == api.QueryTransient {
			if c.ctx.QueryArgs().GetBool(api.QueryTransient) {
				return object.E("native", "", object.Unsupported, errors.New("transient: every setting is kept in etcd and holds on all nodes"))
			}
			continue
		}
		given = append(given, api.Property{Name: string(key), Value: string(value)})
	}
	return p.setConfig(given)
}

// nativeActConfig sets the cluster's settings that the message has.
func (p *Proxy) nativeActConfig(c *nativeCall) error {
	given, err := api.ParseProperties(c.message)
	if err != nil {
		return err
	}
	return p.setConfig(given)
}

func (p *Proxy) setConfig(given api.Properties) error {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.SyncTimeout)
	defer cancel()
	_, err := p.cluster.UpdateConfig(ctx, func(c *cluster.Config) (err error) {
		*c, err = api.ChangeConfig(*c, given)
		return err
	})
	return err
}

// nodeStatus asks a node for its status.
func (p *Proxy) nodeStatus(ctx context.Context, node cluster.Node) (*api.NodeStatus, error) {
	if node.ID == p.cfg.ID {
		return p.daemon.Status(), nil
	}
	if !p.cluster.State().IsLive(node.ID) {
		return nil, object.E("native.status", node.ID, object.Unavailable, nil)
	}
	var status api.NodeStatus
	err := p.caller.Ask(ctx, node, peer.PathStatus, struct{}{}, &status)
	return &status, err
}

// status is this node's view of itself, but for its counters.
func (p *Proxy) status() *api.NodeStatus {
	state := p.cluster.State()
	s := &api.NodeStatus{Status: "online", Version: p.cfg.Version, MapVersion: state.Map.Version, System: api.System()}
	s.Node, _ = api.NodeOf(state, p.cfg.ID)
	return s
}

// statuses returns the status of each of the nodes that answers, by id.
func (p *Proxy) statuses(nodes []cluster.Node) map[string]*api.NodeStatus {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
	defer cancel()
	out := map[string]*api.NodeStatus{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, node := range nodes {
		wg.Go(func() {
			status, err := p.nodeStatus(ctx, node)
			if err != nil {
				p.cfg.Logger.Warn("status of a node", "of", node.ID, "err", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			out[node.ID] = status
		})
	}
	wg.Wait()
	return out
}

// stats is the status of this proxy and of every target that answers.
func (p *Proxy) stats() api.ClusterStats {
	return api.ClusterStats{Proxy: p.daemon.Status(), Target: p.statuses(p.cluster.State().Targets())}
}

// systems is the load of every node that answers.
func (p *Proxy) systems() api.ClusterSystem {
	out := api.ClusterSystem{Proxies: map[string]api.SystemInfo{}, Targets: map[string]api.SystemInfo{}}
	for id, status := range p.statuses(p.cluster.State().Nodes()) {
		if status.Node.Type == api.TypeProxy {
			out.Proxies[id] = status.System
		} else {
			out.Targets[id] = status.System
		}
	}
	return out
}
