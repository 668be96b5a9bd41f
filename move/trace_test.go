package move_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"ais/object"
)

// trace is what happened in a cluster, for the log of a test that fails.
type trace struct {
	mu     sync.Mutex // guards events
	events []event
}

type event struct {
	at   time.Time
	what string
	body []byte // of a message, "" for what concerns all names
}

func (tr *trace) note(body []byte, format string, args ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.events = append(tr.events, event{time.Now(), fmt.Sprintf(format, args...), bytes.Clone(body)})
}

// clear forgets what happened.
func (tr *trace) clear() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.events = nil
}

// of returns what happened to a key, and to the cluster.
func (tr *trace) of(key string) string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	var out strings.Builder
	for _, e := range tr.events {
		if len(e.body) == 0 || bytes.Contains(e.body, []byte(key)) {
			fmt.Fprintf(&out, "%s %s\n", e.at.Format("05.000000"), e.what)
		}
	}
	return out.String()
}

// watch notes the changes of the cluster's state, until the test ends.
func (c *nodes) watch() {
	last := ""
	for {
		changes := c.keeper.Changes()
		state := c.keeper.State()
		now := fmt.Sprintf("state %d map %d:", state.Revision, state.Map.Version)
		for _, b := range state.Buckets() {
			now += fmt.Sprintf(" %+v to %+v, copies %d;", b.Placement, b.Next, b.Props.Copies)
		}
		for _, n := range state.Targets() {
			now += fmt.Sprintf(" %s live %v behind %d full %v since %d;", n.ID, state.IsLive(n.ID), n.Behind, n.Full, n.Since)
		}
		if now != last {
			c.trace.note(nil, "%s", now)
			last = now
		}
		select {
		case <-changes:
		case <-c.t.Context().Done():
			return
		}
	}
}

// client notes an operation of a client.
func (n *node) client(what, key string, err error) {
	text := what
	if s := n.running(); s != nil {
		p, _ := s.Stamp(object.Name{Bucket: 1, Key: key})
		text += " " + p.String()
	}
	n.in.trace.note([]byte(key), "%s at %s: %v", text, n.id, err)
}
