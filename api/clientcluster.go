package api

import (
	"context"
	"net/http"
	"net/url"

	"ais/object"
)

// ClusterMap returns who is in the cluster.
func (c *Client) ClusterMap(ctx context.Context) (ClusterMap, error) {
	var m ClusterMap
	err := c.decode(ctx, call{method: http.MethodGet, path: PathDaemon, query: url.Values{QueryWhat: {WhatClusterMap}}}, &m)
	return m, err
}

// BucketMap returns every bucket with its properties.
func (c *Client) BucketMap(ctx context.Context) (BucketMap, error) {
	var m BucketMap
	err := c.decode(ctx, call{method: http.MethodGet, path: PathDaemon, query: url.Values{QueryWhat: {WhatBucketMap}}}, &m)
	return m, err
}

// ClusterConfig returns the settings of the cluster.
func (c *Client) ClusterConfig(ctx context.Context) (Properties, error) {
	var p Properties
	err := c.decode(ctx, call{method: http.MethodGet, path: PathCluster, query: url.Values{QueryWhat: {WhatClusterConfig}}}, &p)
	return p, err
}

// SetClusterConfig sets all of p or nothing. Kind: Invalid.
func (c *Client) SetClusterConfig(ctx context.Context, p Properties) error {
	query := url.Values{}
	for _, e := range p {
		query.Set(e.Name, e.Value)
	}
	_, err := c.finish(ctx, call{method: http.MethodPut, path: PathSetConfig, query: query})
	return err
}

// NodeStatus returns the state and statistics of one node. Kinds: Invalid for an
// unknown node, Unavailable.
func (c *Client) NodeStatus(ctx context.Context, id string) (NodeStatus, error) {
	var s NodeStatus
	r := call{
		method: http.MethodGet, path: PathReverse,
		query:  url.Values{QueryWhat: {WhatNodeStatus}},
		header: http.Header{HeaderNodeID: {id}},
	}
	err := c.decode(ctx, r, &s)
	return s, err
}

// ClusterStats returns the status of every node that answers the proxy.
func (c *Client) ClusterStats(ctx context.Context) (ClusterStats, error) {
	var s ClusterStats
	err := c.decode(ctx, call{method: http.MethodGet, path: PathCluster, query: url.Values{QueryWhat: {WhatStats}}}, &s)
	return s, err
}

// Health reports whether the proxy answers, and with ready whether it can serve
// data: Unavailable if it cannot.
func (c *Client) Health(ctx context.Context, ready bool) error {
	r := call{method: http.MethodGet, path: PathHealth}
	if ready {
		r.query = url.Values{QueryReadiness: {"true"}}
	}
	_, err := c.finish(ctx, r)
	return err
}

// CheckBucket reports whether the name is one that can be asked for: legal and
// of a known provider. Kind: Invalid.
func CheckBucket(b Bucket) error {
	if _, err := object.ParseProvider(string(b.Provider)); err != nil {
		return err
	}
	return object.CheckBucketName(b.Name)
}
