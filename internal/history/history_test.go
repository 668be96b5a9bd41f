package history

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// value is the n-th value that is written in a test.
func value(n uint64) Value { return Value{ID: n, ETag: fmt.Sprint("e", n), Size: 100} }

var nothing Value

// at is a moment of a hand-written history.
func at(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func write(n uint64, start, end int) Op {
	return Op{Kind: Write, Value: value(n), Start: at(start), End: at(end)}
}

func read(v Value, start, end int) Op {
	return Op{Kind: Read, Value: v, Start: at(start), End: at(end)}
}

func remove(start, end int) Op { return Op{Kind: Remove, Start: at(start), End: at(end)} }

func (op Op) unknown() Op         { op.Outcome = Unknown; return op }
func (op Op) refused() Op         { op.Outcome = Refused; return op }
func (op Op) missing() Op         { op.Outcome = Missing; return op }
func (op Op) ifAbsent() Op        { op.IfAbsent = true; return op }
func (op Op) ifMatch(n uint64) Op { op.IfMatch = value(n).ETag; return op }
func page(start, end int, n ...uint64) Page {
	p := Page{Bucket: "b", Start: at(start), End: at(end), ETags: map[string]string{}}
	for _, id := range n {
		p.ETags["k"] = value(id).ETag
	}
	return p
}

func empty(n uint64, start, end int) Op {
	op := write(n, start, end)
	op.Value.ETag, op.Value.Size = emptyETag, 0
	return op
}

func emptyPage(start, end int) Page {
	p := page(start, end)
	p.ETags["k"] = emptyETag
	return p
}

// Every promise is broken once by hand, and kept once as nearly as can be.
func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name     string
		ops      []Op
		pages    []Page
		possible bool
	}{
		{"a write is read", []Op{write(1, 0, 10), read(value(1), 20, 30)}, nil, true},
		{"a lost write", []Op{write(1, 0, 10), read(nothing, 20, 30)}, nil, false},
		{"a write that overlaps may not be seen yet", []Op{write(1, 0, 25), read(nothing, 20, 30)}, nil, true},
		{"a stale read", []Op{write(1, 0, 10), write(2, 20, 30), read(value(1), 40, 50)}, nil, false},
		{"a stale read after a new one", []Op{write(1, 0, 10), write(2, 20, 90), read(value(2), 30, 40), read(value(1), 50, 60)}, nil, false},
		{"reads of both while it is written", []Op{write(1, 0, 10), write(2, 20, 90), read(value(1), 30, 40), read(value(2), 50, 60)}, nil, true},
		{"a removed one comes back", []Op{write(1, 0, 10), remove(20, 30), read(value(1), 40, 50)}, nil, false},
		{"a removal is lost for a while", []Op{write(1, 0, 10), remove(20, 30), read(nothing, 40, 50), read(value(1), 60, 70)}, nil, false},
		{"a write that takes effect twice", []Op{write(1, 0, 100), write(2, 10, 20), read(value(1), 5, 9), read(value(1), 30, 40)}, nil, false},

		{"an unknown write takes effect late", []Op{write(1, 0, 10).unknown(), read(nothing, 20, 30), read(value(1), 40, 50)}, nil, true},
		{"or never", []Op{write(1, 0, 10).unknown(), read(nothing, 20, 30), read(nothing, 40, 50)}, nil, true},
		{"but not twice", []Op{write(1, 0, 10).unknown(), read(value(1), 20, 30), write(2, 40, 50), read(value(2), 60, 70), read(value(1), 80, 90)}, nil, false},
		{"and not before it began", []Op{read(value(1), 0, 10), write(1, 20, 30).unknown()}, nil, false},
		{"an unknown removal explains one loss", []Op{remove(0, 5).unknown(), write(1, 10, 20), read(nothing, 30, 40)}, nil, true},
		{"not two", []Op{remove(0, 5).unknown(), write(1, 10, 20), read(nothing, 30, 40), write(2, 50, 60), read(nothing, 70, 80)}, nil, false},
		{"two explain two", []Op{remove(0, 5).unknown(), remove(1, 6).unknown(), write(1, 10, 20), read(nothing, 30, 40), write(2, 50, 60), read(nothing, 70, 80)}, nil, true},

		{"of two conditional writers both win", []Op{write(1, 0, 10).ifAbsent(), write(2, 5, 15).ifAbsent()}, nil, false},
		{"one wins", []Op{write(1, 0, 10).ifAbsent(), write(2, 5, 15).ifAbsent().refused(), read(value(1), 20, 30)}, nil, true},
		{"refused although nothing is there", []Op{write(1, 0, 10).ifAbsent().refused()}, nil, false},
		{"refused by a write that nobody saw", []Op{write(1, 0, 10).unknown(), write(2, 20, 30).ifAbsent().refused()}, nil, true},
		{"which did not happen afterwards", []Op{write(2, 0, 10).ifAbsent().refused(), write(1, 20, 30).unknown()}, nil, false},
		{"a swap of what is there", []Op{write(1, 0, 10), write(2, 20, 30).ifMatch(1), read(value(2), 40, 50)}, nil, true},
		{"a swap of what is there no more", []Op{write(1, 0, 10), write(2, 20, 30), write(3, 40, 50).ifMatch(1)}, nil, false},
		{"a swap refused although it is there", []Op{write(1, 0, 10), write(2, 20, 30).ifMatch(1).refused()}, nil, false},
		{"a swap finds nothing although it is there", []Op{write(1, 0, 10), write(2, 20, 30).ifMatch(1).missing()}, nil, false},
		{"a swap finds nothing", []Op{write(1, 0, 10), remove(11, 12), write(2, 20, 30).ifMatch(1).missing()}, nil, true},
		{"what is in doubt happens once", []Op{write(1, 0, 10).unknown(), remove(20, 30), write(2, 40, 50).ifAbsent().refused(), remove(60, 70), write(3, 80, 90).ifAbsent().refused()}, nil, false},
		{"of two orders the one that leaves something in doubt", []Op{remove(0, 5).unknown(), write(1, 10, 50), read(nothing, 20, 40), write(2, 55, 60), read(nothing, 70, 80)}, nil, true},
		{"an unknown write of nothing is listed", []Op{empty(1, 0, 10).unknown()}, []Page{emptyPage(20, 30)}, true},
		{"and read", []Op{empty(1, 0, 10).unknown(), read(Value{ID: 1, ETag: emptyETag}, 20, 30)}, []Page{emptyPage(40, 50)}, true},
		{"but not before it began", []Op{empty(1, 20, 30).unknown()}, []Page{emptyPage(0, 10)}, false},
		{"an unknown swap that could not have happened", []Op{write(1, 0, 10), write(2, 20, 30), write(3, 40, 50).ifMatch(1).unknown(), read(value(3), 60, 70)}, nil, false},

		{"a listing has what is there", []Op{write(1, 0, 10)}, []Page{page(20, 30, 1)}, true},
		{"a listing lacks what is there", []Op{write(1, 0, 10)}, []Page{page(20, 30)}, false},
		{"a listing has what is there no more", []Op{write(1, 0, 10), remove(20, 30)}, []Page{page(40, 50, 1)}, false},
		{"a listing has an older ETag", []Op{write(1, 0, 10), write(2, 20, 30)}, []Page{page(40, 50, 1)}, false},
		{"a listing while it is written", []Op{write(1, 0, 40)}, []Page{page(20, 30), page(31, 35, 1)}, true},
		{"a listing that goes back", []Op{write(1, 0, 60)}, []Page{page(20, 30, 1), page(31, 35)}, false},
		{"a listing has what nobody wrote", nil, []Page{page(20, 30, 1)}, false},
		{"a page that ends before the key", []Op{write(1, 0, 10)}, []Page{{Bucket: "b", Through: "j", Start: at(20), End: at(30)}}, true},
		{"a page that begins behind it", []Op{write(1, 0, 10)}, []Page{{Bucket: "b", After: "k", Start: at(20), End: at(30)}}, true},
		{"a page that goes over it", []Op{write(1, 0, 10)}, []Page{{Bucket: "b", After: "j", Through: "l", Start: at(20), End: at(30)}}, false},
		{"a page of another bucket", []Op{write(1, 0, 10)}, []Page{{Bucket: "c", Start: at(20), End: at(30)}}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := New()
			for i, op := range test.ops {
				op.Client, op.Bucket, op.Key = i, "b", "k"
				h.Add(op)
			}
			for _, p := range test.pages {
				h.AddPage(p)
			}
			wrong, violations := h.Check(t.TempDir())
			if len(wrong) > 0 || (len(violations) == 0) != test.possible {
				t.Fatalf("possible: %v; found %v", test.possible, violations)
			}
			if len(violations) == 0 {
				return
			}
			v := violations[0]
			drawn, err := os.ReadFile(v.Picture)
			if v.Undecided || v.Key != "k" || err != nil || len(drawn) < 1000 || !strings.Contains(v.String(), "not to be explained: ") {
				t.Errorf("%v, %d bytes drawn, %v", v, len(drawn), err)
			}
		})
	}
}

// register is a store that keeps its promises.
type register struct {
	mu    sync.Mutex
	value Value
}

// TestCheckOfManyClients lets clients work on one register at once, with answers
// that get lost and requests that take effect after they were given up; its history
// is possible, and is no more once a single read answers what was there before.
func TestCheckOfManyClients(t *testing.T) {
	for _, broken := range []bool{false, true} {
		h := New()
		var reg register
		var clients sync.WaitGroup
		for c := range 6 {
			clients.Go(func() {
				r := rand.New(rand.NewPCG(uint64(c), 1))
				for i := range 200 {
					h.Add(reg.do(h, r, c, uint64(c*1000+i+1)))
				}
			})
		}
		clients.Wait()
		for i := range uint64(2) {
			h.Add(Op{Bucket: "b", Key: "k", Kind: Write, Value: value(10_000 + i), Start: h.Now(), End: h.Now()})
		}
		if broken {
			h.Add(Op{Bucket: "b", Key: "k", Kind: Read, Value: value(10_000), Start: h.Now(), End: h.Now()})
		}
		_, violations := h.Check(t.TempDir())
		for _, v := range violations {
			if v.Undecided {
				t.Fatalf("broken %v: %v", broken, v)
			}
		}
		if (len(violations) > 0) != broken {
			t.Fatalf("broken %v: %v", broken, violations)
		}
	}
}

func (g *register) do(h *History, r *rand.Rand, client int, id uint64) Op {
	op := Op{Client: client, Bucket: "b", Key: "k", Kind: Kind(r.IntN(3)), Start: h.Now()}
	lost := op.Kind != Read && r.IntN(10) == 0
	effect := !lost || r.IntN(2) == 0
	g.mu.Lock()
	switch op.Kind {
	case Write:
		op.Value = value(id)
		op.IfAbsent = r.IntN(3) == 0
		if op.IfAbsent && g.value != nothing {
			op.Outcome = Refused
		} else if effect {
			g.value = op.Value
		}
	case Remove:
		if effect {
			g.value = nothing
		}
	case Read:
		op.Value = g.value
	}
	g.mu.Unlock()
	if op.End = h.Now(); lost {
		op.Outcome = Unknown
	}
	return op
}

// What is wrong by itself is told.
func TestWrong(t *testing.T) {
	h := New()
	h.Wrong("%s has bytes of two writes", "k")
	h.AddEvent(Event{What: "kill", Start: at(1), End: at(2)})
	h.Add(write(1, 0, 10))
	h.Add(read(nothing, 0, 10).unknown())
	wrong, violations := h.Check(t.TempDir())
	if len(wrong) != 1 || !strings.Contains(wrong[0], "two writes") || len(violations) > 0 {
		t.Errorf("%v %v", wrong, violations)
	}
	h.AddPage(page(20, 30, 1))
	var told strings.Builder
	if err := h.Write(&told); err != nil || strings.Count(told.String(), "\n") != 4 || !strings.Contains(told.String(), "kill") || !strings.Contains(told.String(), "lists b") {
		t.Errorf("%v %s", err, told.String())
	}
	if counts, _ := h.Counts(); counts[Done] != 1 || counts[Unknown] != 1 {
		t.Errorf("%v", counts)
	}
}
