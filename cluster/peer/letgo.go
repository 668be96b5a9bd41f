package peer

import (
	"context"
	"errors"
	"time"

	"ais/cluster"
)

// errLetGo is why a request fails that waited for a node which holds no lease any more:
// others act for its names, where there are others, and it may hang for good.
var errLetGo = errors.New("the node holds no lease any more, and is silent")

// LetGo reports whether err is that a node which holds no lease any more was not waited for.
func LetGo(err error) bool { return errors.Is(err, errLetGo) }

// letGoTick is how often connections to nodes without a lease are looked at.
const letGoTick = 250 * time.Millisecond

// Follow lets go of what waits for a node that holds no lease and is silent for
// Config.LeasePatience, until ctx ends: requests fail as unavailable then, which Resend
// tells about as ever. What a node still moves, such as bodies while it shuts down, goes
// on. changes is that of the cluster's state.
func (c *Caller) Follow(ctx context.Context, changes func() <-chan struct{}) {
	tick := time.NewTicker(letGoTick)
	defer tick.Stop()
	lost := map[string]time.Time{}
	for {
		changed := changes()
		lost = leaseless(c.state(), lost)
		var soon <-chan time.Time
		c.client.letGo(lost)
		if len(lost) > 0 {
			soon = tick.C
		}
		select {
		case <-changed:
		case <-soon:
		case <-ctx.Done():
			return
		}
	}
}

// leaseless returns the addresses at which no node has a lease, by the state, and since
// when: was has the time of those that had none before.
func leaseless(state *cluster.State, was map[string]time.Time) map[string]time.Time {
	lost := map[string]time.Time{}
	for _, node := range state.Nodes() {
		if state.IsLive(node.ID) {
			continue
		}
		address := Address(node)
		since, known := was[address]
		if !known {
			since = time.Now()
		}
		lost[address] = since
	}
	for _, node := range state.Nodes() { // of two at one address the dead one was replaced
		if state.IsLive(node.ID) {
			delete(lost, Address(node))
		}
	}
	return lost
}

// letGo ends what has waited for one of the addresses for LeasePatience, since it is lost.
func (c *Client) letGo(lost map[string]time.Time) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for key, h := range c.hosts {
		_, gone := lost[key]
		h.lost.Store(gone)
	}
	for cn := range c.conns {
		if since, ok := lost[cn.host.key]; ok && cn.waitsFor(since) > c.config.LeasePatience && cn.silent() {
			cn.letGo()
		}
	}
}

// waitsFor returns how long the connection's user has waited for the node, from since on at
// the earliest; 0 where it does not.
func (c *conn) waitsFor(since time.Time) time.Duration {
	began := c.host.client.began
	var longest time.Duration
	for _, from := range []int64{c.reads.Load(), c.writes.Load()} {
		if from == 0 {
			continue
		}
		waits := min(time.Since(began)-time.Duration(from), time.Since(since))
		longest = max(longest, waits)
	}
	return longest
}

// letGo has what reads or writes fail with errLetGo.
func (c *conn) letGo() {
	c.gone.Store(true)
	c.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // it is closed already
}

// now is the time since the client began, never 0.
func (c *Client) now() int64 { return int64(time.Since(c.began)) + 1 }

// Read implements io.Reader.
func (c *conn) Read(p []byte) (int, error) {
	c.reads.Store(c.host.client.now())
	n, err := c.Conn.Read(p)
	c.reads.Store(0)
	return n, c.why(err)
}

// Write implements io.Writer.
func (c *conn) Write(p []byte) (int, error) {
	c.writes.Store(c.host.client.now())
	n, err := c.Conn.Write(p)
	c.writes.Store(0)
	return n, c.why(err)
}

// why returns what has to be said of an error of the connection.
func (c *conn) why(err error) error {
	if err != nil && c.gone.Load() {
		return errLetGo
	}
	return err
}

// streamConn is a connection for an http.Transport.
type streamConn struct{ *conn }

// Close implements net.Conn.
func (c streamConn) Close() error {
	c.close()
	return nil
}
