package history

import (
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"
)

// state is what a key has, in the model. Writes whose outcome nobody knows and whose
// value nobody saw can stand for each other, and so can such removals: they are
// used in the order in which they began, and the state counts them. Without that a
// search would try them in every order.
type state struct {
	value    Value
	unseen   int // writes of the first group that are used
	removals int // and of the second
}

// unseenID is the value of a write that nobody saw.
const unseenID = ^uint64(0)

// model is a register with conditional writes.
var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, input, _ any) (bool, any) {
		return step(s.(state), input.(Op))
	},
	Hash: func(s any) uint64 {
		of := s.(state)
		return of.value.ID*0x9e3779b97f4a7c15 + uint64(of.unseen)<<32 + uint64(of.removals)
	},
	DescribeOperation: func(input, _ any) string { return input.(Op).what() },
	DescribeState:     func(s any) string { return s.(state).value.String() },
}

// step returns whether op can take effect on s with the outcome that it had, and what is there afterwards.
func step(s state, op Op) (bool, any) {
	if op.interchanged > 0 {
		return s.interchanged(op)
	}
	there := s.value.ID != 0
	switch {
	case op.Kind == Read && op.byListing:
		return op.Value.ETag == s.value.ETag, s
	case op.Kind == Read:
		return op.Value.ID == s.value.ID, s
	case op.Outcome == Missing:
		return !there, s
	case op.Outcome == Refused && op.IfAbsent:
		return there, s
	case op.Outcome == Refused:
		return there && s.value.ETag != op.IfMatch, s
	}
	holds := !op.IfAbsent || !there
	if op.IfMatch != "" {
		holds = there && s.value.ETag == op.IfMatch
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

// interchanged lets op take effect if those before it in its group did. A write
// whose condition might not have held is not asked about it: what nobody saw is
// allowed rather than too much, never too little.
func (s state) interchanged(op Op) (bool, any) {
	used := &s.unseen
	s.value = Value{ID: unseenID, ETag: "of a write that nobody saw"}
	if op.Kind == Remove {
		used, s.value = &s.removals, Value{}
	}
	if *used != op.interchanged-1 {
		return false, s
	}
	*used++
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

// prepare turns the operations on one key, in the order of their starts, into what the
// search needs: those that say nothing are left out, and those of unknown outcome end
// when their value was first seen, or never.
func prepare(ops []Op) []porcupine.Operation {
	ids, etags := map[uint64]int64{}, map[string]int64{} // when each was first seen
	for _, op := range ops {
		switch {
		case op.Kind == Read && op.Outcome == Done && !op.byListing:
			first(ids, op.Value.ID, int64(op.End))
		case op.Kind == Read && op.Outcome == Done:
			first(etags, op.Value.ETag, int64(op.End))
		case op.IfMatch != "" && op.Outcome == Done:
			first(etags, op.IfMatch, int64(op.End))
		}
		if op.IfMatch != "" { // who named it had seen it
			first(etags, op.IfMatch, int64(never))
		}
	}
	matters := slices.ContainsFunc(ops, func(op Op) bool { return op.Outcome == Refused || op.Outcome == Missing })
	var out []porcupine.Operation
	unseen, removals := 0, 0
	for _, op := range ops {
		end := int64(op.End)
		if op.Outcome == Unknown {
			if op.Kind == Read {
				continue
			}
			end = int64(never)
			seen := false
			if op.Kind == Write {
				end, seen = seenAt(op, ids, etags)
			}
			switch {
			case op.Kind == Remove && op.IfMatch == "":
				removals++
				op.interchanged = removals
			case op.Kind == Write && !seen && !matters:
				continue // it explains nothing
			case op.Kind == Write && !seen:
				unseen++
				op.interchanged = unseen
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
	end = int64(never)
	if at, ok := ids[op.Value.ID]; ok {
		end, seen = at, true
	}
	if at, ok := etags[op.Value.ETag]; ok {
		seen = true
		if op.Value.Size > 0 {
			end = min(end, at)
		}
	}
	return end, seen
}
