package main

import (
	"strings"
	"testing"
)

func TestEtcdPeers(t *testing.T) {
	const peers = "--etcd-peers=p1=http://10.0.0.1:2380,p2=https://two.example:2380,p3=http://10.0.0.3:2380"
	const all = "--etcd=http://10.0.0.1:2379,http://10.0.0.2:2379,http://10.0.0.3:2379"
	for _, x := range []struct {
		name  string
		args  []string
		wrong string // in the error; "" is none
		embed string // name, peer URL and where it listens for it; "" is none
		key   bool   // it makes the cluster's key
	}{
		{"alone", nil, "", " http://127.0.0.1:2380 ", true},
		{"not at all", []string{all}, "", "", false},
		{"the first of three", []string{peers, all, "--id=p1"}, "", "p1 http://10.0.0.1:2380 ", true},
		{"another of three", []string{peers, all, "--id=p2", "--etcd-peer=https://10.0.0.2:2380"}, "", "p2 https://two.example:2380 https://10.0.0.2:2380", false},
		{"one that joins", []string{peers, all, "--id=p1", "--etcd-join"}, "", "p1 http://10.0.0.1:2380 ", false},
		{"a proxy besides", []string{peers, all, "--id=p4"}, "does not name this proxy, p4", "", false},
		{"without endpoints", []string{peers, "--id=p1"}, "--etcd too", "", false},
		{"joins nothing", []string{all, "--id=p1", "--etcd-join"}, "--etcd-peers", "", false},
		{"no name", []string{"--etcd-peers=http://10.0.0.1:2380", all, "--id=p1"}, "NAME=URL", "", false},
		{"a name twice", []string{"--etcd-peers=p1=http://a:1,p1=http://b:1", all, "--id=p1"}, "once", "", false},
	} {
		t.Run(x.name, func(t *testing.T) {
			s, err := parse(append([]string{"--data-dir=" + t.TempDir()}, x.args...))
			if x.wrong == "" && err != nil || x.wrong != "" && (err == nil || !strings.Contains(err.Error(), x.wrong)) {
				t.Fatalf("got %v, want %q", err, x.wrong)
			}
			if err != nil {
				return
			}
			got := ""
			if e := s.etcd.embed(&s.node); e != nil {
				got = e.Name + " " + e.PeerURL + " " + e.PeerListen
			}
			if got != x.embed || s.etcd.makesKey(&s.node) != x.key {
				t.Errorf("it embeds %q and makes a key: %v", got, s.etcd.makesKey(&s.node))
			}
		})
	}
}
