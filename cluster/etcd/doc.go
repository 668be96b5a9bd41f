// Package etcd keeps a cluster.State in etcd, embedded or external.
//
// A Store joins its node to the cluster, keeps the node's lease, and watches
// everything under /ais/<cluster>/ into an immutable State. Every change is a
// transaction on the revision that was read, so two nodes can never both
// succeed with changes that contradict each other. While etcd cannot be
// reached the last State stays, and Sync says Unavailable.
package etcd
