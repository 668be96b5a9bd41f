package history

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// state is what a key has, in the model, and what may still happen to it: removals whose
// outcome nobody knows, and writes of unknown outcome whose value nobody saw. One of them
// takes effect where an operation could not have its outcome otherwise, just before it; that
// is as good as any moment earlier, for nobody looked in between. So the search
// need not try each of them at every moment.
type state struct {
	value    Value
	removals int
	unseen   int
	empty    bool // a write of nothing is among them; how often it happens is not counted
}

// unseenID is the value of a write that nobody saw.
const unseenID = ^uint64(0)

// unseenETag is the ETag of such a value: no other's.
const unseenETag = "of a write that nobody saw"

// emptyETag is that of every value without bytes: in a listing they are all alike.
const emptyETag = "d41d8cd98f00b204e9800998ecf8427e"

// model is a register with conditional writes.
var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, input, _ any) (bool, any) {
		ok, next := step(s.(state), input.(Op))
		return ok, next
	},
	// A state that was seen with the same operations done, and with at least as much
	// still pending, leads to all that this one leads to: the search asks whether the
	// new state is Equal to a former one, and need not go on where it is no better.
	Equal:             func(now, former any) bool { return now.(state).noBetter(former.(state)) },
	Hash:              func(s any) uint64 { return s.(state).value.ID * 0x9e3779b97f4a7c15 },
	DescribeOperation: func(input, _ any) string { return input.(Op).what() },
	DescribeState:     func(s any) string { return s.(state).value.String() },
}

// step returns whether op can take effect on s with the outcome that it had, and what is there afterwards.
func step(s state, op Op) (bool, state) {
	switch {
	case op.pending && op.Kind == Remove:
		s.removals++
		return true, s
	case op.pending && op.Value.Size == 0:
		s.empty = true
		return true, s
	case op.pending:
		s.unseen++
		return true, s
	case op.Kind == Read && (op.byListing || op.Value.ID == 0):
		return s.withETag(op.Value.ETag)
	case op.Kind == Read:
		return op.Value.ID == s.value.ID, s
	case op.Outcome == Missing:
		return s.withETag("")
	case op.Outcome == Refused:
		return s.present(op.IfMatch)
	}
	holds := true
	switch {
	case op.IfAbsent:
		holds, s = s.withETag("")
	case op.IfMatch != "":
		holds, s = s.withETag(op.IfMatch)
	}
	switch {
	case !holds:
		return op.Outcome == Unknown, s // an attempt that came to nothing
	case op.Kind == Remove:
		s.value = Value{}
	default:
		s.value = op.Value
	}
	return true, s
}

func (s state) noBetter(former state) bool {
	return s.value == former.value && s.removals <= former.removals && s.unseen <= former.unseen && (!s.empty || former.empty)
}

// withETag returns s with a value of the ETag, "" for nothing, if it can have that.
func (s state) withETag(etag string) (bool, state) {
	switch {
	case s.value.ETag == etag:
	case etag == "" && s.removals > 0:
		s.removals--
		s.value = Value{}
	case etag == emptyETag && s.empty:
		s.value = Value{ID: unseenID, ETag: emptyETag}
	default:
		return false, s
	}
	return true, s
}

// present returns s with a value of another ETag, if it can have one.
func (s state) present(other string) (bool, state) {
	switch {
	case s.value.ETag != "" && s.value.ETag != other:
	case s.empty && other != emptyETag:
		s.value = Value{ID: unseenID, ETag: emptyETag}
	case s.unseen > 0:
		s.unseen--
		s.value = Value{ID: unseenID, ETag: unseenETag}
	default:
		return false, s
	}
	return true, s
}

// what describes an operation in a few words.
func (op Op) what() string {
	verb := map[Kind]string{Write: "write ", Remove: "remove", Read: "read "}[op.Kind]
	text := verb
	if op.byListing {
		text = "list "
	}
	if op.Kind != Remove {
		text += op.Value.String()
	}
	if op.IfAbsent {
		text += " if absent"
	}
	if op.IfMatch != "" {
		text += " if etag " + op.IfMatch
	}
	return text + map[Outcome]string{Done: "", Refused: ": refused", Missing: ": nothing there", Unknown: ": unknown"}[op.Outcome]
}

func (op Op) String() string {
	end := op.End
	if op.Outcome == Unknown {
		end = never
	}
	return fmt.Sprintf("%9s – %9s  client %2d at %-8s %s   [%s]", seconds(op.Start), seconds(end), op.Client, op.Node, op.what(), op.Note)
}

// prepare turns the operations on one key into what the search needs: those of unknown
// outcome end when their value was first seen, or else are pending from their start on.
// A pending write is not asked whether its condition held: what nobody saw is allowed
// rather than too much, never too little.
func prepare(ops []Op) []porcupine.Operation {
	ids, etags := map[uint64]int64{}, map[string]int64{} // when each was first seen
	for _, op := range ops {
		switch {
		case op.Outcome != Done:
		case op.Kind == Read && !op.byListing:
			first(ids, op.Value.ID, int64(op.End))
		case op.Kind == Read:
			first(etags, op.Value.ETag, int64(op.End))
		case op.IfMatch != "":
			first(etags, op.IfMatch, int64(op.End))
		}
	}
	var out []porcupine.Operation
	for _, op := range ops {
		end := int64(op.End)
		switch {
		case op.Outcome == Unknown && op.Kind == Read:
			continue
		case op.Outcome == Unknown:
			var seen bool
			if end, seen = seenAt(op, ids, etags); !seen {
				op.pending, end = true, int64(op.Start)
			}
		}
		out = append(out, porcupine.Operation{ClientId: op.Client, Input: op, Call: int64(op.Start), Return: max(end, int64(op.Start))})
	}
	return out
}

func first[K comparable](of map[K]int64, k K, at int64) {
	if old, ok := of[k]; !ok || at < old {
		of[k] = at
	}
}

// seenAt returns when a write whose outcome is unknown must have taken effect, if
// anybody saw what it wrote. An empty value's ETag is that of every empty one.
func seenAt(op Op, ids map[uint64]int64, etags map[string]int64) (end int64, seen bool) {
	if op.Kind != Write {
		return 0, false
	}
	end, seen = ids[op.Value.ID]
	if at, ok := etags[op.Value.ETag]; ok && op.Value.Size > 0 && (!seen || at < end) {
		end, seen = at, true
	}
	return end, seen
}
