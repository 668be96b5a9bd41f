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
		{"GET", PathReverse, "", "what=mountpaths; header Ais-Node-Id", "", "200, MountpathList of that target; 404, 503"},
		{"PUT", PathMountpaths, ActionAttachMountpath, "header Ais-Node-Id", "the directory", "200, the id of the job that moves objects there as text; 409 where it is a mountpath, 400 where it is not fit"},
		{"DELETE", PathMountpaths, ActionDetachMountpath, "force; header Ais-Node-Id", "the directory", "200, the id of the job that moves its objects away as text; 400 where it is none; 409 where it is out of service, unless by force"},
		{"POST", PathMountpaths, ActionEnableMountpath, "header Ais-Node-Id", "the directory", "200, the id of the job that moves objects there, if any, as text; 400 where it is none"},
		{"POST", PathMountpaths, ActionDisableMountpath, "force; header Ais-Node-Id", "the directory", "200, the id of the job that moves its objects away as text; by force empty: they are unavailable; 400 where it is none"},
		{"POST", PathMountpaths, ActionRescanMountpath, "header Ais-Node-Id", "the directory", "200, the id of the job that looks for objects that belong elsewhere as text; 400 where it is none"},
		{"POST", PathMountpaths, ActionCheckMountpath, "header Ais-Node-Id", "the directory", "200, empty; 409 where it fails, and then it is taken out of service"},
		{"GET", PathCluster, "", "what=sysinfo", "", "200, ClusterSystem"},
		{"GET", PathCluster, "", "what=backends", "", "200, JSON array: [\"aws\"] where remote buckets are on, or []"},
		{"GET", PathCluster, "", "what=target_ips", "", "200, the hosts of the targets as text, with commas between"},
		{"PUT", PathCluster, ActionResetConfig, "", "", "200, empty: every setting is its default again"},
		{"PUT", PathCluster, ActionStartMaintenance, "", "NodesMessage", "200, the id of the rebalance that moves objects off as text, if any; 404; 409 for the last active target, and for one that copies need"},
		{"PUT", PathCluster, ActionStopMaintenance, "", "NodesMessage", "200, the id of the rebalance that moves objects there as text, if any; 404"},
		{"PUT", PathCluster, ActionDecommissionNode, "", "NodesMessage", "200, the id of the rebalance that moves objects off as text, if any: then the node ends and is removed; 404; 409 where copies need it, it embeds etcd, or it is down and may alone have objects, unless by force"},
		{"PUT", PathCluster, ActionShutdownNode, "", "NodesMessage", "200, empty: the node ends, and is a member still; 404; 409 where it embeds etcd; 503 where it is down"},
		{"PUT", PathCluster, ActionShutdown, "", "", "200, empty: every node ends"},
		{"PUT", PathCluster, ActionRotateLogs, "", "", "200, empty: every node that logs to files begins a new one"},
		{"PUT", PathCluster, ActionReloadKeys, "", "", "200, empty: every target reads the AWS configuration files anew"},
		{"PUT", PathPrimary + "/{node}", "", "", "", "200, empty, where it is a proxy that is alive: all are equal; 404"},
		{"POST", PathJoin, "", "", "Node: its daemon_id, or a public_net with its direct_url", "200, JoinAnswer, where it is a member; 501: nodes join by themselves"},
		{"GET", PathCluster, "", "what=remote", "", "200, RemoteClusters: none"},
	})
}
