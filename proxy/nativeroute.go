package proxy

import (
	"errors"
	"strings"

	"ais/api"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// nativeRoute is what a native request is recognised by: its method, its path with
// names in braces, and what tells the calls of one path apart, "what=WHAT" in the
// query or else the action of the message. api.Endpoints has the same rows.
type nativeRoute struct{ method, path, selector string }

// nativeCall is one native request whose route is known.
type nativeCall struct {
	ctx     *fasthttp.RequestCtx
	to      api.Target        // of a path under PathBuckets
	message api.ActionMessage // of a path whose calls are told apart by their action
}

// The paths of the routing table that hold names.
const (
	nativePathBucket  = api.PathBuckets + "/{bucket}"
	nativePathBatch   = api.PathBatch + "/{bucket}"
	nativePathPrimary = api.PathPrimary + "/{node}"
	nativePathUser    = api.PathUsers + "/{user}"
)

// nativeRoutes is the routing table of the native API. Calls for objects are not in
// it: they go to the target that owns the object, which has a table of its own.
var nativeRoutes = map[nativeRoute]func(*Proxy, *nativeCall) error{
	{"GET", api.PathBuckets, api.ActionList}:              plain((*Proxy).nativeBuckets),
	{"HEAD", nativePathBucket, ""}:                        onName((*Proxy).nativeHeadBucket),
	{"POST", nativePathBucket, api.ActionCreate}:          onBucket((*Proxy).nativeCreate),
	{"DELETE", nativePathBucket, api.ActionDestroy}:       onName((*Proxy).nativeDestroy),
	{"PATCH", nativePathBucket, api.ActionSetProps}:       onBucket((*Proxy).nativeSetProps),
	{"PATCH", nativePathBucket, api.ActionResetProps}:     onBucket((*Proxy).nativeSetProps),
	{"GET", nativePathBucket, api.ActionList}:             onBucket((*Proxy).nativeList),
	{"GET", nativePathBucket, api.ActionSummary}:          onBucket((*Proxy).nativeSummary),
	{"POST", nativePathBucket, api.ActionCopy}:            onBucket((*Proxy).nativeCopy),
	{"POST", nativePathBucket, api.ActionCopyNames}:       onBucket((*Proxy).nativeCopy),
	{"POST", nativePathBucket, api.ActionRename}:          onName((*Proxy).nativeRename),
	{"PUT", nativePathBucket, api.ActionArchive}:          onBucket((*Proxy).nativeArchive),
	{"POST", nativePathBucket, api.ActionPrefetch}:        onBucket((*Proxy).nativeNames),
	{"DELETE", nativePathBucket, api.ActionEvict}:         onBucket((*Proxy).nativeNames),
	{"DELETE", nativePathBucket, api.ActionDelete}:        onBucket((*Proxy).nativeNames),
	{"DELETE", nativePathBucket, api.ActionEvictBucket}:   onName((*Proxy).nativeEvictBucket),
	{"GET", api.PathDaemon, what(api.WhatClusterMap)}:     plain((*Proxy).nativeDaemon),
	{"GET", api.PathDaemon, what(api.WhatBucketMap)}:      plain((*Proxy).nativeDaemon),
	{"GET", api.PathDaemon, what(api.WhatClusterConfig)}:  plain((*Proxy).nativeDaemon),
	{"GET", api.PathDaemon, what(api.WhatNodeStatus)}:     plain((*Proxy).nativeDaemon),
	{"GET", api.PathDaemon, what(api.WhatNode)}:           plain((*Proxy).nativeDaemon),
	{"GET", api.PathDaemon, what(api.WhatSystem)}:         plain((*Proxy).nativeDaemon),
	{"GET", api.PathDaemon, what(api.WhatMetrics)}:        plain((*Proxy).nativeDaemon),
	{"GET", api.PathDaemon, what(api.WhatNodeConfig)}:     plain((*Proxy).nativeDaemon),
	{"GET", api.PathDaemon, what(api.WhatLog)}:            plain((*Proxy).nativeDaemon),
	{"GET", api.PathReverse, what(api.WhatClusterMap)}:    onNode((*Proxy).nativeReverse),
	{"GET", api.PathReverse, what(api.WhatBucketMap)}:     onNode((*Proxy).nativeReverse),
	{"GET", api.PathReverse, what(api.WhatClusterConfig)}: onNode((*Proxy).nativeReverse),
	{"GET", api.PathReverse, what(api.WhatNodeStatus)}:    onNode((*Proxy).nativeReverse),
	{"GET", api.PathReverse, what(api.WhatNode)}:          onNode((*Proxy).nativeReverse),
	{"GET", api.PathReverse, what(api.WhatSystem)}:        onNode((*Proxy).nativeReverse),
	{"GET", api.PathReverse, what(api.WhatMetrics)}:       onNode((*Proxy).nativeReverse),
	{"GET", api.PathReverse, what(api.WhatNodeConfig)}:    onNode((*Proxy).nativeReverse),
	{"GET", api.PathReverse, what(api.WhatLog)}:           onNode((*Proxy).nativeReverse),
	{"GET", api.PathReverse, what(api.WhatMountpaths)}:    onNode((*Proxy).nativeMountpaths),

	{"PUT", api.PathMountpaths, api.ActionAttachMountpath}:    onNode((*Proxy).changeMountpath),
	{"DELETE", api.PathMountpaths, api.ActionDetachMountpath}: onNode((*Proxy).changeMountpath),
	{"POST", api.PathMountpaths, api.ActionEnableMountpath}:   onNode((*Proxy).changeMountpath),
	{"POST", api.PathMountpaths, api.ActionDisableMountpath}:  onNode((*Proxy).changeMountpath),
	{"POST", api.PathMountpaths, api.ActionRescanMountpath}:   onNode((*Proxy).changeMountpath),
	{"POST", api.PathMountpaths, api.ActionCheckMountpath}:    onNode((*Proxy).changeMountpath),

	{"GET", api.PathCluster, what(api.WhatSystem)}:        plain((*Proxy).nativeSystems),
	{"GET", api.PathCluster, what(api.WhatRemotes)}:       plain((*Proxy).nativeRemotes),
	{"GET", api.PathCluster, what(api.WhatBackends)}:      plain((*Proxy).nativeBackends),
	{"GET", api.PathCluster, what(api.WhatTargetIPs)}:     plain((*Proxy).nativeTargetIPs),
	{"GET", api.PathCluster, what(api.WhatClusterConfig)}: plain((*Proxy).nativeConfig),
	{"GET", api.PathCluster, what(api.WhatStats)}:         plain((*Proxy).nativeStats),
	{"GET", api.PathCluster, what(api.WhatJobStatus)}:     aboutJobs(api.WhatJobStatus),
	{"GET", api.PathCluster, what(api.WhatJobStatuses)}:   aboutJobs(api.WhatJobStatuses),
	{"GET", api.PathCluster, what(api.WhatRunningJobs)}:   aboutJobs(api.WhatRunningJobs),
	{"GET", api.PathCluster, what(api.WhatJobs)}:          aboutJobs(api.WhatJobs),
	{"PUT", api.PathSetConfig, ""}:                        admins((*Proxy).nativeSetConfig),
	{"PUT", api.PathCluster, api.ActionSetConfig}:         admins((*Proxy).nativeActConfig),
	{"PUT", api.PathCluster, api.ActionStart}:             acting((*Proxy).nativeStart),
	{"PUT", api.PathCluster, api.ActionStop}:              acting((*Proxy).nativeStop),
	{"PUT", api.PathCluster, api.ActionResetConfig}:       admins((*Proxy).nativeResetConfig),
	{"PUT", api.PathCluster, api.ActionStartMaintenance}:  onNodes((*Proxy).startMaintenance),
	{"PUT", api.PathCluster, api.ActionStopMaintenance}:   onNodes((*Proxy).stopMaintenance),
	{"PUT", api.PathCluster, api.ActionDecommissionNode}:  onNodes((*Proxy).decommission),
	{"PUT", api.PathCluster, api.ActionShutdownNode}:      onNodes((*Proxy).shutdownNode),
	{"PUT", api.PathCluster, api.ActionShutdown}:          admins((*Proxy).nativeShutdown),
	{"PUT", api.PathCluster, api.ActionRotateLogs}:        onEvery(peer.ActRotateLogs, anyNode),
	{"PUT", api.PathCluster, api.ActionReloadKeys}:        onEvery(peer.ActReloadKeys, anyTarget),
	{"PUT", nativePathPrimary, ""}:                        admins((*Proxy).nativePrimary),
	{"POST", api.PathJoin, ""}:                            admins(func(p *Proxy, c *nativeCall) error { return p.nativeJoin(c.ctx) }),
	{"GET", api.PathHealth, ""}:                           plain((*Proxy).nativeHealth),
	{"GET", api.PathBatch, ""}:                            plain((*Proxy).nativeBatch),
	{"GET", nativePathBatch, ""}:                          plain((*Proxy).nativeBatch),
	{"POST", api.PathLogin, ""}:                           plain((*Proxy).nativeLogin),

	{"GET", api.PathUsers, ""}:                                          plain((*Proxy).nativeUsers),
	{"POST", api.PathUsers, ""}:                                         plain((*Proxy).nativeUsers),
	{"GET", nativePathUser, ""}:                                         plain((*Proxy).nativeUsers),
	{"PATCH", nativePathUser, ""}:                                       plain((*Proxy).nativeUsers),
	{"DELETE", nativePathUser, ""}:                                      plain((*Proxy).nativeUsers),
	{"POST", nativePathUser + "/" + api.PathKeys, ""}:                   plain((*Proxy).nativeUsers),
	{"DELETE", nativePathUser + "/" + api.PathKeys + "/{key}", ""}:      plain((*Proxy).nativeUsers),
	{"PUT", nativePathUser + "/" + api.PathPolicies + "/{name}", ""}:    plain((*Proxy).nativeUsers),
	{"DELETE", nativePathUser + "/" + api.PathPolicies + "/{name}", ""}: plain((*Proxy).nativeUsers),
}

// what is the selector of a call that the query's what tells apart.
func what(value string) string { return api.QueryWhat + "=" + value }

// plain makes a row of what needs the request alone.
func plain(serve func(*Proxy, *fasthttp.RequestCtx) error) func(*Proxy, *nativeCall) error {
	return func(p *Proxy, c *nativeCall) error { return serve(p, c.ctx) }
}

// onBucket makes a row of what is done with a bucket and a message.
func onBucket(serve func(*Proxy, *fasthttp.RequestCtx, api.Target, api.ActionMessage) error) func(*Proxy, *nativeCall) error {
	return func(p *Proxy, c *nativeCall) error { return serve(p, c.ctx, c.to, c.message) }
}

// onName makes a row of what is done with a bucket and needs no message.
func onName(serve func(*Proxy, *fasthttp.RequestCtx, api.Target) error) func(*Proxy, *nativeCall) error {
	return func(p *Proxy, c *nativeCall) error { return serve(p, c.ctx, c.to) }
}

// acting makes a row of what a message asks for.
func acting(serve func(*Proxy, *fasthttp.RequestCtx, api.ActionMessage) error) func(*Proxy, *nativeCall) error {
	return func(p *Proxy, c *nativeCall) error { return serve(p, c.ctx, c.message) }
}

// admins makes a row of what only administrators may do.
func admins(serve func(*Proxy, *nativeCall) error) func(*Proxy, *nativeCall) error {
	return func(p *Proxy, c *nativeCall) error {
		if !p.admin(c.ctx) {
			return object.E("native", string(c.ctx.Path()), object.Denied, errNotAdmin)
		}
		return serve(p, c)
	}
}

// onNode makes a row of what is asked of the node that the request names.
func onNode(serve func(*Proxy, *nativeCall, cluster.Node) error) func(*Proxy, *nativeCall) error {
	return func(p *Proxy, c *nativeCall) error {
		id := string(c.ctx.Request.Header.Peek(api.HeaderNodeID))
		if id == "" {
			return object.E("native", api.HeaderNodeID, object.Invalid, errors.New("the header names no node"))
		}
		node, ok := p.cluster.State().Node(id)
		if !ok {
			return object.E("native", id, object.NotFound, errors.New("there is no node "+id))
		}
		return serve(p, c, node)
	}
}

func aboutJobs(what string) func(*Proxy, *nativeCall) error {
	return func(p *Proxy, c *nativeCall) error { return p.nativeJobs(c.ctx, what) }
}

// nativePattern returns the path of the routing table that a request's path is one
// of; the path itself where it holds no names.
func nativePattern(path string) string {
	path = strings.TrimSuffix(path, "/")
	if rest, ok := strings.CutPrefix(path, api.PathBuckets+"/"); ok && rest != "" {
		return nativePathBucket
	}
	if rest, ok := strings.CutPrefix(path, api.PathPrimary+"/"); ok && rest != "" && !strings.Contains(rest, "/") {
		return nativePathPrimary
	}
	if api.IsBatch(path) && path != api.PathBatch {
		return nativePathBatch
	}
	rest, ok := strings.CutPrefix(path, api.PathUsers+"/")
	if !ok {
		return path
	}
	_, kind, name, ok := api.SplitUserPath(rest)
	switch {
	case !ok:
		return path
	case kind == "":
		return nativePathUser
	case name == "":
		return nativePathUser + "/" + kind
	case kind == api.PathKeys:
		return nativePathUser + "/" + kind + "/{key}"
	}
	return nativePathUser + "/" + kind + "/{name}"
}

// routeNative finds the row of a request and reads what it is told apart by.
func (p *Proxy) routeNative(ctx *fasthttp.RequestCtx, path string) (func(*Proxy, *nativeCall) error, *nativeCall, error) {
	route := nativeRoute{method: string(ctx.Method()), path: nativePattern(path)}
	c := &nativeCall{ctx: ctx}
	var err error
	if strings.HasPrefix(path, api.PathBuckets) {
		if c.to, err = api.ReadTarget(ctx); err != nil {
			return nil, nil, err
		}
	}
	// A row without a selector takes every request of its method and path.
	if serve, ok := nativeRoutes[route]; ok {
		return serve, c, nil
	}
	if err := unbuiltPath(path); err != nil { // its messages are not ours to read
		return nil, nil, err
	}
	if value := ctx.QueryArgs().Peek(api.QueryWhat); len(value) > 0 {
		route.selector = what(string(value))
	} else {
		if c.message, err = api.ReadAction(ctx); err != nil {
			return nil, nil, err
		}
		route.selector = c.message.Action
	}
	if serve, ok := nativeRoutes[route]; ok {
		return serve, c, nil
	}
	if route.path == api.PathBuckets && route.method != fasthttp.MethodGet {
		return nil, nil, object.E("native", "", object.Invalid, errors.New("the path names no bucket"))
	}
	return nil, nil, p.unbuilt(c, route)
}
