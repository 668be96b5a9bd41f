package proxy

import (
	"context"
	"errors"

	"ais/api"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"
)

// nativeMountpaths answers which mountpaths a target has.
func (p *Proxy) nativeMountpaths(c *nativeCall, node cluster.Node) error {
	if err := mustBeTarget(node); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
	defer cancel()
	status, err := p.nodeStatus(ctx, node)
	if err != nil {
		return err
	}
	return api.WriteJSON(c.ctx, api.NewMountpathList(status.Capacity))
}

// changeMountpath has a target do something with one of its mountpaths, and answers
// the id of the job that moves objects because of it, if there is one.
func (p *Proxy) changeMountpath(c *nativeCall, node cluster.Node) error {
	if !p.admin(c.ctx) {
		return object.E("native", api.PathMountpaths, object.Denied, errNotAdmin)
	}
	if err := mustBeTarget(node); err != nil {
		return err
	}
	request := peer.MountpathRequest{
		Action: c.message.Action, Force: c.ctx.QueryArgs().GetBool(api.QueryForce), Owner: userID(c.ctx),
	}
	if err := c.message.Decode(&request.Dir); err != nil || request.Dir == "" {
		return object.E("native", api.PathMountpaths, object.Invalid, errors.New("the message's value is the directory of a mountpath"))
	}
	if !p.cluster.State().IsLive(node.ID) {
		return object.E("native", node.ID, object.Unavailable, errors.New("node "+node.ID+" is down"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
	defer cancel()
	var answer peer.MountpathAnswer
	if err := p.caller.Ask(ctx, node, peer.PathMountpath, request, &answer); err != nil {
		return err
	}
	c.ctx.SetBodyString(answer.Job)
	return nil
}

func mustBeTarget(node cluster.Node) error {
	if node.Kind != cluster.Target {
		return object.E("native", node.ID, object.Invalid, errors.New("node "+node.ID+" is a proxy: mountpaths are a target's"))
	}
	return nil
}
