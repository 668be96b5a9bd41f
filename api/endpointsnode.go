package api

import "slices"

// nodeEndpoints returns the calls about nodes, and about the cluster as such.
func nodeEndpoints() []Endpoint {
	self := []Endpoint{
		{"GET", PathDaemon, "", "what=smap", "", "200, ClusterMap"},
		{"GET", PathDaemon, "", "what=bmd", "", "200, BucketMap"},
		{"GET", PathDaemon, "", "what=cluster_config", "", "200, Properties as nested JSON"},
		{"GET", PathDaemon, "", "what=node_status", "", "200, NodeStatus, with the node's counters under AIStore's names"},
		{"GET", PathDaemon, "", "what=snode", "", "200, Node"},
		{"GET", PathDaemon, "", "what=sysinfo", "", "200, SystemInfo"},
		{"GET", PathDaemon, "", "what=metrics", "", "200, the kind of each counter in a NodeStatus, by name"},
		{"GET", PathDaemon, "", "what=config", "", "200, NodeConfig; for an administrator"},
		{"GET", PathDaemon, "", "what=log; severity=info|warning|error, offset, all=true", "", "200, lines of JSON, Ais-Log-Offset; all: a .tar.gz; for an administrator"},
	}
	reverse := slices.Clone(self)
	for i := range reverse {
		reverse[i].Path = PathReverse
		reverse[i].Query += "; header Ais-Node-Id"
		reverse[i].Answer += "; of that node, 404 where none such is known, 503 where it is down"
	}
	return slices.Concat(self, reverse, []Endpoint{
		{"GET", PathCluster, "", "what=sysinfo", "", "200, ClusterSystem"},
		{"GET", PathCluster, "", "what=backends", "", "200, JSON array: [\"aws\"] where remote buckets are on, or []"},
		{"GET", PathCluster, "", "what=target_ips", "", "200, the hosts of the targets as text, with commas between"},
		{"GET", PathCluster, "", "what=remote", "", "200, RemoteClusters: none"},
	})
}
