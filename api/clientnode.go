package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"ais/object"
)

// nodeCall returns a call that a node answers about itself, through the proxy.
func nodeCall(id, what string) call {
	return call{
		method: http.MethodGet, path: PathReverse,
		query:  url.Values{QueryWhat: {what}},
		header: http.Header{HeaderNodeID: {id}},
	}
}

// NodeConfig returns what a node was started with. Kinds: NotFound, Denied,
// Unavailable.
func (c *Client) NodeConfig(ctx context.Context, id string) (NodeConfig, error) {
	var n NodeConfig
	err := c.decode(ctx, nodeCall(id, WhatNodeConfig), &n)
	return n, err
}

// NodeLog returns the newest lines of a node's log, of a severity ("" for all) and from
// an offset on, and the offset of those that come after. Kinds: as NodeConfig, Invalid.
func (c *Client) NodeLog(ctx context.Context, id, severity string, offset int64) (lines []byte, next int64, err error) {
	r := nodeCall(id, WhatLog)
	r.query.Set(QuerySeverity, severity)
	r.query.Set(QueryOffset, strconv.FormatInt(offset, 10))
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	if lines, err = io.ReadAll(resp.Body); err != nil {
		return nil, 0, err
	}
	if next, err = strconv.ParseInt(resp.Header.Get(HeaderLogOffset), 10, 64); err != nil {
		next = offset + int64(len(lines))
	}
	return lines, next, nil
}

// NodeLogs returns all that there is of a node's log, of a severity ("" for all), as a
// .tar.gz. The caller closes it. Kinds: as NodeLog.
func (c *Client) NodeLogs(ctx context.Context, id, severity string) (io.ReadCloser, error) {
	r := nodeCall(id, WhatLog)
	r.query.Set(QuerySeverity, severity)
	r.query.Set(QueryAllLogs, "true")
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// ActOnNodes carries out an action on nodes: ActionStartMaintenance, ActionStopMaintenance,
// ActionShutdownNode, ActionDecommissionNode. It returns the id of the rebalance that
// moves objects because of it, "" where none does. Kinds: NotFound, Refused, Unavailable.
func (c *Client) ActOnNodes(ctx context.Context, action string, m NodesMessage) (rebalance string, err error) {
	return c.startJob(ctx, call{method: http.MethodPut, path: PathCluster}, action, "", m)
}

// ActOnCluster carries out an action on all nodes, or the settings: ActionShutdown,
// ActionRotateLogs, ActionReloadKeys, ActionResetConfig.
func (c *Client) ActOnCluster(ctx context.Context, action string) error {
	return c.actOnCluster(ctx, action, nil)
}

func (c *Client) actOnCluster(ctx context.Context, action string, value any) error {
	r, err := call{method: http.MethodPut, path: PathCluster}.withAction(action, "", value)
	if err == nil {
		_, err = c.finish(ctx, r)
	}
	return err
}

// SetPrimary reports whether the node is a proxy that is alive: every one serves as
// the primary. Kinds: NotFound, Unavailable.
func (c *Client) SetPrimary(ctx context.Context, id string) error {
	_, err := c.finish(ctx, call{method: http.MethodPut, path: PathPrimary + "/" + url.PathEscape(id)})
	return err
}

// Join reports whether a node, by its id or URL, is a member; Unsupported says how it
// becomes one.
func (c *Client) Join(ctx context.Context, node string) (JoinAnswer, error) {
	var answer JoinAnswer
	asked := Node{ID: node}
	if u, err := url.Parse(node); err == nil && u.Host != "" {
		asked = Node{Public: newNet(node)}
	}
	raw, err := jsonAPI.Marshal(asked)
	if err != nil {
		return answer, object.E("api.Client", node, object.Internal, err)
	}
	err = c.decode(ctx, call{method: http.MethodPost, path: PathJoin, body: newBody(bytes.NewReader(raw), int64(len(raw)))}, &answer)
	return answer, err
}
