package cluster

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"ais/object"
)

// TestApplyIsNewState applies random events one by one and compares each State
// with one made from scratch of what should be in it; and checks at the end
// that no State was changed by what came after it.
func TestApplyIsNewState(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	nodes, live, buckets := map[string]Node{}, map[string]Live{}, map[string]Bucket{}
	contents := Contents{Config: DefaultConfig(), Nodes: []Node{}, Buckets: []Bucket{}}
	state := NewState(contents)
	type pair struct{ got, want *State }
	var history []pair
	var ids uint64
	for step := range 400 {
		id := fmt.Sprintf("t%d", random.IntN(8))
		name := fmt.Sprintf("b%d", random.IntN(12))
		var event Event
		switch random.IntN(8) {
		case 0:
			n := Node{ID: id, Kind: Target, State: Active, Boot: fmt.Sprint(step)}
			nodes[id], event = n, NodeSet{n}
		case 1:
			delete(nodes, id)
			event = NodeGone{id}
		case 2:
			live[id], event = Live{ID: id, Boot: fmt.Sprint(step)}, LiveSet{Live{ID: id, Boot: fmt.Sprint(step)}}
		case 3:
			delete(live, id)
			event = LiveGone{id}
		case 4:
			b, there := buckets[name]
			if !there {
				ids++
				b = Bucket{ID: ids, Provider: object.AIS, Name: name, Placement: Placement{Generation: 1}}
			}
			b.Revision = int64(step)
			buckets[name], event = b, BucketSet{b}
		case 5:
			delete(buckets, name)
			event = BucketGone{object.AIS, name}
		case 6:
			contents.Map.Version++
			contents.Map.Generations = []Generation{{Number: 1, Targets: []Member{{ID: "t1", Weight: 1}, {ID: id + "x", Weight: 1}}}}
			event = MapSet{contents.Map}
		case 7: // of a rename either event may come first
			b, there := buckets[name]
			if _, taken := buckets[name+"x"]; !there || taken {
				continue
			}
			delete(buckets, name)
			gone := BucketGone{object.AIS, name}
			b.Name, b.Revision = name+"x", int64(step)
			buckets[b.Name] = b
			if event = gone; random.IntN(2) == 0 {
				state, event = state.Apply(int64(step), gone), BucketSet{b}
			} else {
				state = state.Apply(int64(step), BucketSet{b})
			}
		}
		state = state.Apply(int64(step), event)
		contents.Revision = int64(step)
		contents.Nodes, contents.Live, contents.Buckets = values(nodes), values(live), values(buckets)
		want := NewState(contents)
		if !reflect.DeepEqual(state, want) {
			t.Fatalf("after %d, %T:\n%+v\nnot\n%+v", step, event, state, want)
		}
		history = append(history, pair{state, want})
	}
	for step, p := range history {
		if !reflect.DeepEqual(p.got, p.want) {
			t.Fatalf("the state of step %d was changed later", step)
		}
	}
}

func values[T any](m map[string]T) []T {
	out := make([]T, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

func TestLookups(t *testing.T) {
	s := NewState(Contents{
		Nodes: []Node{{ID: "p1", Kind: Proxy, State: Active}, {ID: "t2", Kind: Target, State: Maintenance}, {ID: "t1", Kind: Target, State: Active}},
		Live:  []Live{{ID: "p1"}, {ID: "stray"}},
		Buckets: []Bucket{
			{ID: 2, Provider: object.AWS, Name: "a"}, {ID: 1, Provider: object.AIS, Name: "b"}, {ID: 3, Provider: object.AIS, Name: "a"},
		},
	})
	if got := s.Targets(); len(got) != 2 || got[0].ID != "t1" {
		t.Errorf("targets %v", got)
	}
	if got := s.Proxies(); len(got) != 1 || len(s.Nodes()) != 3 {
		t.Errorf("proxies %v", got)
	}
	if !s.IsLive("p1") || s.IsLive("t1") || s.IsLive("stray") {
		t.Error("IsLive")
	}
	if s.Status("p1") != Active || s.Status("t1") != Down || s.Status("t2") != Maintenance || s.Status("none") != Down {
		t.Error("Status")
	}
	order := ""
	for _, b := range s.Buckets() {
		order += b.URL() + " "
	}
	if order != "ais://a aws://a ais://b " {
		t.Errorf("buckets in order %s", order)
	}
	if b, ok := s.Bucket(object.AWS, "a"); !ok || b.ID != 2 {
		t.Errorf("bucket %v", b)
	}
	if b, ok := s.BucketByID(3); !ok || b.URL() != "ais://a" {
		t.Errorf("bucket %v", b)
	}
	if _, ok := s.Bucket(object.AWS, "b"); ok {
		t.Error("a bucket of another provider")
	}
}
