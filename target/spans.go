package target

import "slices"

// span is a run of an object's bytes that one request brings: up to got they are
// here, up to claimed they are being written, up to end they are on their way.
type span struct {
	from, got, claimed, end int64
}

func (s *span) complete() bool { return s.got == s.end }

// spans are the runs of an object's bytes that are here or on their way. They
// ascend and do not touch each other's bytes; what lies between them was not asked
// for yet. They are not safe for use by several goroutines.
type spans struct {
	size int64
	list []*span
}

// after returns the index of the first span that ends after pos.
func (a *spans) after(pos int64) int {
	i, _ := slices.BinarySearchFunc(a.list, pos, func(s *span, pos int64) int {
		if s.end <= pos {
			return -1
		}
		return 1
	})
	return i
}

// at returns the span that has pos, nil where nobody has asked for it.
func (a *spans) at(pos int64) *span {
	if i := a.after(pos); i < len(a.list) && a.list[i].from <= pos {
		return a.list[i]
	}
	return nil
}

// ready returns how many bytes from pos on are here, one after the other.
func (a *spans) ready(pos int64) int64 {
	end := pos
	for _, s := range a.list[a.after(pos):] {
		if s.from > end {
			break
		}
		end = max(end, s.got)
		if !s.complete() {
			break
		}
	}
	return end - pos
}

// gap returns the first run of bytes at or after pos that nobody has asked for; ok
// is false where there is none.
func (a *spans) gap(pos int64) (from, to int64, ok bool) {
	from, to = pos, a.size
	for _, s := range a.list[a.after(pos):] {
		if s.from > from {
			to = s.from
			break
		}
		from = s.end
	}
	return from, to, from < to
}

// take asks for the run of bytes, which must be in a gap.
func (a *spans) take(from, to int64) *span {
	s := &span{from: from, got: from, claimed: from, end: to}
	a.list = slices.Insert(a.list, a.after(from), s)
	return s
}

// split ends s at pos, which must lie beyond what it has claimed, and asks for the
// rest anew.
func (a *spans) split(s *span, pos int64) *span {
	end := s.end
	s.end = pos
	return a.take(pos, end)
}

// join makes a complete span one with its complete neighbours, so that the list
// stays short. Nobody may use s any more.
func (a *spans) join(s *span) {
	if !s.complete() {
		return
	}
	i := a.after(s.from)
	if i == len(a.list) || a.list[i] != s { // it has no bytes
		return
	}
	if i+1 < len(a.list) && a.list[i+1].complete() && a.list[i+1].from == s.end {
		a.merge(i)
	}
	if i > 0 && a.list[i-1].complete() && a.list[i-1].end == s.from {
		a.merge(i - 1)
	}
}

// merge makes two neighbours one.
func (a *spans) merge(i int) {
	next := a.list[i+1]
	a.list[i] = &span{from: a.list[i].from, got: next.end, claimed: next.end, end: next.end}
	a.list = slices.Delete(a.list, i+1, i+2)
}
