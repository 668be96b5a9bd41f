package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"ais/cluster/etcd"
	"ais/cmd/internal/config"
)

// etcdSettings is what the command line says of the embedded etcd.
type etcdSettings struct {
	listen string      // client URL
	peer   string      // peer URL, or where to listen for the members' one
	peers  config.List // name=peer-url
	join   bool
	from   string // a snapshot
}

// check reports what does not fit together.
func (e *etcdSettings) check(n *config.Node) error {
	names := map[string]bool{}
	for _, entry := range e.peers {
		name, url, ok := strings.Cut(entry, "=")
		if !ok || name == "" || url == "" || names[name] {
			return fmt.Errorf("--etcd-peers is NAME=URL of each proxy that embeds etcd, once: not %q", entry)
		}
		names[name] = true
	}
	switch {
	case e.from != "" && !e.embeds(n):
		return errors.New("--etcd-restore is for a proxy that embeds etcd")
	case len(e.peers) == 0 && e.join:
		return errors.New("--etcd-join needs --etcd-peers with this proxy's entry, and --etcd")
	case len(e.peers) == 0:
		return nil
	case !names[n.ID]:
		return fmt.Errorf("--etcd-peers does not name this proxy, %s: leave it out on a proxy that embeds no etcd", n.ID)
	case len(n.Etcd) == 0:
		return errors.New("--etcd-peers needs --etcd too: the client URLs (--etcd-listen) of all the proxies that it names")
	}
	return nil
}

// embeds reports whether this proxy runs an etcd server.
func (e *etcdSettings) embeds(n *config.Node) bool { return len(n.Etcd) == 0 || len(e.peers) > 0 }

// makesKey reports whether this proxy makes the cluster's key where there is none: of
// several that embed etcd the one that is named first, so that all have the same.
func (e *etcdSettings) makesKey(n *config.Node) bool {
	return e.embeds(n) && !e.join && (len(e.peers) == 0 || strings.HasPrefix(e.peers[0], n.ID+"="))
}

// embed returns the server that this proxy runs, nil for none.
func (e *etcdSettings) embed(n *config.Node) *etcd.Embed {
	if !e.embeds(n) {
		return nil
	}
	out := &etcd.Embed{
		Dir: filepath.Join(n.DataDir, "etcd"), ClientURL: e.listen, PeerURL: e.peer,
		Restore: e.from, Cert: n.EtcdTLS.Cert, Key: n.EtcdTLS.Key, CA: n.EtcdTLS.CA,
	}
	if len(e.peers) == 0 {
		if out.PeerURL == "" {
			out.PeerURL = "http://127.0.0.1:2380"
		}
		return out
	}
	out.Name, out.Initial, out.Join = n.ID, e.peers.String(), e.join
	for _, entry := range e.peers {
		if url, ok := strings.CutPrefix(entry, n.ID+"="); ok {
			out.PeerURL, out.PeerListen = url, e.peer
		}
	}
	return out
}
