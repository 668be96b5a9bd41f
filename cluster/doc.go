// Package cluster says who is in the cluster, which buckets exist, and which
// target owns a name.
//
// Everything here is a plain value or a pure function: no I/O, no clock, no
// goroutine. A State is an immutable snapshot that answers the questions of
// the data path; Apply and Admit make new values from old ones. Package
// cluster/etcd keeps a State true.
package cluster
