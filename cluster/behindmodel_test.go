package cluster

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"ais/object"
)

// model is a cluster of targets that hold copies, and what has been acknowledged: what
// package replica does in full is done here to numbers. A name's content is how many
// changes it has seen.
type model struct {
	w      *world
	random *rand.Rand
	names  []object.Name
	acked  []int                              // by name
	seen   map[string][]int                   // by target, name
	notes  map[string]map[string]map[int]bool // by holder, target that missed it, name
	begun  map[string]*catchUp                // of targets that catch up
	count  map[string]int                     // what happened, so that a test cannot pass idle
}

// catchUp is how far a target that is behind has come.
type catchUp struct {
	since   uint64
	full    bool
	sources []string // to be drained still
}

func newModel(t *testing.T, seed uint64, copies int) *model {
	const targets, names = 5, 40
	m := &model{
		w:      &world{state: NewState(Contents{Map: Map{Cluster: "c", Version: 1}, Config: DefaultConfig()})},
		random: rand.New(rand.NewPCG(seed, uint64(copies))),
		acked:  make([]int, names), seen: map[string][]int{}, notes: map[string]map[string]map[int]bool{},
		begun: map[string]*catchUp{}, count: map[string]int{},
	}
	for i := range targets {
		id := "t" + strconv.Itoa(i)
		m.must(t, "join "+id+" data="+id)
		m.seen[id], m.notes[id] = make([]int, names), map[string]map[int]bool{}
	}
	m.must(t, fmt.Sprint("create demo copies=", copies))
	for i := range names {
		m.names = append(m.names, object.Name{Bucket: 1, Key: strconv.Itoa(i)})
	}
	return m
}

func (m *model) must(t *testing.T, line string) {
	t.Helper()
	if answer := m.w.run(line); answer != "" {
		t.Fatalf("%s: %s", line, answer)
	}
}

func (m *model) copies(name int) Copies {
	b, _ := m.w.state.Bucket(object.AIS, "demo")
	copies, err := m.w.state.Copies(b, m.names[name])
	if err != nil {
		panic(err)
	}
	return copies
}

// write changes a name, as its acting owner does: every copy that is in sync has to
// have it; one that catches up may be missed if that is said before it is acknowledged.
func (m *model) write(name int) {
	copies := m.copies(name)
	owner := copies.Owner()
	if !owner.Live {
		m.count["held"]++
		return
	}
	got, missed := []string{owner.Node.ID}, []string(nil)
	for _, c := range copies {
		switch {
		case c.Node.ID == owner.Node.ID:
		case c.InSync() && !c.Live:
			m.count["held"]++
			return // until it is marked
		case c.InSync() || c.Live && m.random.IntN(4) > 0:
			got = append(got, c.Node.ID)
		default:
			if answer := m.w.run("leftout " + c.Node.ID); answer != "" && answer != "nothing to do\n" {
				panic(answer)
			}
			missed = append(missed, c.Node.ID)
		}
	}
	m.acked[name]++
	m.count["written"]++
	for _, id := range got {
		m.seen[id][name] = m.acked[name]
		for _, other := range missed {
			if m.notes[id][other] == nil {
				m.notes[id][other] = map[int]bool{}
			}
			m.notes[id][other][name] = true
		}
	}
}

// step does one thing to a target.
func (m *model) step(id string) {
	node, _ := m.w.state.Node(id)
	switch live := m.w.state.IsLive(id); {
	case live && m.random.IntN(20) == 0:
		m.w.run("expire " + id)
		m.count["crashed"]++
		delete(m.begun, id)
	case live && node.Behind != 0:
		m.advance(id, node)
	case live && m.random.IntN(8) == 0 && m.allInSync():
		m.w.run("behind " + id + " full=true") // a disk is lost; nothing else is, at the same time
		m.count["lost a disk"]++
		for name := range m.names {
			if name%3 == 0 {
				m.seen[id][name] = 0
			}
		}
	case !live && m.random.IntN(2) == 0:
		m.w.run("mark " + id)
	case !live && m.random.IntN(2) == 0:
		m.w.run("join " + id + " data=" + id)
		m.count["returned"]++
	}
}

func (m *model) allInSync() bool {
	return !slices.ContainsFunc(m.w.state.Targets(), func(n Node) bool { return n.Behind != 0 || !m.w.state.IsLive(n.ID) })
}

// advance lets a target catch up by one source, or be in sync.
func (m *model) advance(id string, node Node) {
	c := m.begun[id]
	if c == nil {
		c = &catchUp{since: node.Since, full: node.Full}
		for _, n := range m.w.state.Sources(id) {
			c.sources = append(c.sources, n.ID)
		}
		m.begun[id] = c
		return
	}
	if len(c.sources) == 0 {
		delete(m.begun, id)
		if answer := m.w.run(fmt.Sprint("insync ", id, " since=", c.since)); answer != "" {
			m.count["began anew"]++
			return
		}
		m.count["caught up"]++
		for _, notes := range m.notes {
			delete(notes, id)
		}
		return
	}
	source := c.sources[0]
	if !m.w.state.IsLive(source) {
		return // it is waited for
	}
	for name := range m.names {
		copies := m.copies(name)
		if copies.Index(id) < 0 || !c.full && !m.notes[source][id][name] {
			continue
		}
		owner := copies.Owner()
		if !owner.Live {
			return // likewise
		}
		m.seen[id][name] = m.seen[owner.Node.ID][name]
	}
	c.sources = c.sources[1:]
}

var modelSeeds = flag.Uint64("cluster.seeds", 5, "how many histories TestNothingAcknowledgedIsMissed looks at")

// TestNothingAcknowledgedIsMissed crashes and brings back targets at random, while
// names are changed: at every moment the acting owner of a name has seen every change
// of it that was acknowledged.
func TestNothingAcknowledgedIsMissed(t *testing.T) {
	happened := map[string]int{}
	for seed := range *modelSeeds {
		for _, copies := range []int{2, 3} {
			m := newModel(t, seed, copies)
			for step := range 600 {
				m.step("t" + strconv.Itoa(m.random.IntN(5)))
				m.write(m.random.IntN(len(m.names)))
				for name, want := range m.acked {
					owner := m.copies(name).Owner().Node
					if got := m.seen[owner.ID][name]; got != want {
						t.Fatalf("seed %d, %d copies, step %d: name %d has %d changes, %s, which acts for it, has seen %d\n%s", seed, copies, step, name, want, owner.ID, got, m.w.describe())
					}
				}
			}
			for what, n := range m.count {
				happened[what] += n
			}
		}
	}
	for _, what := range []string{"written", "held", "crashed", "returned", "lost a disk", "caught up", "began anew"} {
		if happened[what] < int(*modelSeeds) {
			t.Errorf("%q happened %d times", what, happened[what])
		}
	}
	t.Log(happened)
}
