package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
)

// network is a bridge with one network namespace for each node of a cluster, each with an
// address of its own. The tests reach all of them; between two nodes it can be cut,
// as if somebody had pulled the cable: packets get lost, nothing is refused.
type network struct {
	bridge string
	prefix string         // of the addresses, 198.18.n
	nodes  map[string]int // the last byte of each node's address
}

// networks counts those of this process.
var networks atomic.Int64

// nowhere is the hardware address of nobody.
const nowhere = "02:00:00:00:00:01"

// newNetwork makes a network without nodes, in the range that is kept for tests of
// networks. It takes away what a test left that was killed.
func newNetwork() (*network, error) {
	if os.Getuid() != 0 {
		return nil, errors.New("network namespaces take root")
	}
	sweepNetworks()
	n := &network{bridge: fmt.Sprintf("ais%d-%d", os.Getpid(), networks.Add(1)), nodes: map[string]int{}}
	used, err := exec.Command("ip", "-o", "-4", "addr").Output()
	if err != nil {
		return nil, err
	}
	for i := 1; n.prefix == ""; i++ {
		if i > 255 {
			return nil, errors.New("198.18.0.0/16 is in use")
		}
		if p := fmt.Sprintf("198.18.%d", i); !strings.Contains(string(used), " "+p+".") {
			n.prefix = p
		}
	}
	return n, inOrder(
		"ip link add "+n.bridge+" type bridge",
		"ip addr add "+n.prefix+".1/24 dev "+n.bridge,
		"ip link set "+n.bridge+" up",
	)
}

// inOrder runs commands until one fails.
func inOrder(commands ...string) error {
	for _, command := range commands {
		if err := tryAsRoot(strings.Fields(command)...); err != nil {
			return err
		}
	}
	return nil
}

// add gives a node its namespace, unless it has one, and returns its address.
func (n *network) add(node string) (string, error) {
	if _, ok := n.nodes[node]; ok {
		return n.addr(node), nil
	}
	n.nodes[node] = len(n.nodes) + 2
	space, link := n.space(node), fmt.Sprintf("%sv%d", strings.TrimPrefix(n.bridge, "ais"), n.nodes[node])
	return n.addr(node), inOrder(
		"ip netns add "+space,
		"ip link add "+link+" type veth peer name eth0 netns "+space,
		"ip link set "+link+" master "+n.bridge,
		"ip link set "+link+" up",
		"ip -n "+space+" addr add "+n.addr(node)+"/24 dev eth0",
		"ip -n "+space+" link set lo up",
		"ip -n "+space+" link set eth0 up",
	)
}

func (n *network) addr(node string) string { return fmt.Sprintf("%s.%d", n.prefix, n.nodes[node]) }

func (n *network) space(node string) string { return n.bridge + "-" + node }

// within returns what makes a command run in a node's namespace, as the same process.
func (n *network) within(node string) []string {
	return []string{"nsenter", "--net=/var/run/netns/" + n.space(node)}
}

// cut loses what one node sends to another from now on.
func (n *network) cut(from, to string) error {
	return inOrder("ip -n " + n.space(from) + " neigh replace " + n.addr(to) + " lladdr " + nowhere + " nud permanent dev eth0")
}

// heal undoes cut.
func (n *network) heal(from, to string) error {
	return inOrder("ip -n " + n.space(from) + " neigh del " + n.addr(to) + " dev eth0")
}

// remove ends the network. Namespaces in which a process still runs end with it.
func (n *network) remove() {
	for node := range n.nodes {
		_ = tryAsRoot("ip", "netns", "del", n.space(node)) // its link goes with it
	}
	_ = tryAsRoot("ip", "link", "del", n.bridge)
}

// sweepNetworks removes the networks of processes that are gone.
func sweepNetworks() {
	gone := func(name string) bool {
		pid, _, ok := strings.Cut(strings.TrimPrefix(name, "ais"), "-")
		if _, err := strconv.Atoi(pid); !ok || err != nil || !strings.HasPrefix(name, "ais") {
			return false
		}
		_, err := os.Stat("/proc/" + pid)
		return os.IsNotExist(err)
	}
	spaces, _ := exec.Command("ip", "netns", "list").Output()
	for line := range strings.SplitSeq(string(spaces), "\n") {
		if name, _, _ := strings.Cut(line, " "); gone(name) {
			_ = tryAsRoot("ip", "netns", "del", name)
		}
	}
	links, _ := exec.Command("ip", "-o", "link", "show", "type", "bridge").Output()
	for line := range strings.SplitSeq(string(links), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && gone(strings.TrimSuffix(fields[1], ":")) {
			_ = tryAsRoot("ip", "link", "del", strings.TrimSuffix(fields[1], ":"))
		}
	}
}

// chooseAddresses decides where the members of etcd are that proxies embed.
func (c *Cluster) chooseAddresses() (err error) {
	if c.o.Network {
		if c.net, err = newNetwork(); err != nil {
			return err
		}
	}
	var clients []string
	for i := range max(1, c.o.Members) {
		ports, err := freePorts(2)
		if err != nil {
			return err
		}
		host := "127.0.0.1"
		if c.net != nil {
			if host, err = c.net.add("proxy" + strconv.Itoa(i+1)); err != nil {
				return err
			}
		}
		clients = append(clients, fmt.Sprintf("%s://%s:%d", c.scheme(), host, ports[0]))
		c.peers = append(c.peers, fmt.Sprintf("%s://%s:%d", c.scheme(), host, ports[1]))
	}
	c.etcd = strings.Join(clients, ",")
	return nil
}

// embedded returns the flags of the proxy with the i-th member of etcd.
func (c *Cluster) embedded(i int) []string {
	clients := strings.Split(c.etcd, ",")
	if len(c.peers) == 1 {
		return []string{"--etcd-listen", clients[0], "--etcd-peer", c.peers[0]}
	}
	var named []string
	for k, url := range c.peers {
		named = append(named, fmt.Sprintf("proxy%d=%s", k+1, url))
	}
	return []string{"--etcd-listen", clients[i-1], "--etcd-peers", strings.Join(named, ","), "--etcd", c.etcd}
}

// public returns a node's host:port as clients write it.
func (n *node) public() string {
	if n.c.net != nil {
		return fmt.Sprintf("%s:%d", n.host, n.port)
	}
	return fmt.Sprintf("localhost:%d", n.port)
}
