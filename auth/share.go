package auth

import (
	"slices"
	"strconv"
)

// memory is what was found out while one policy is evaluated, for the statements
// to come that ask the same. What only one of them asks has no slot.
type memory struct {
	answers [128]uint8 // by slot: 1 more than the answer, 0 for none yet
	values  [24]known  // of condition keys, by their slot
}

const noSlot = -1

func (m *memory) recall(slot int) (a answer, known bool) {
	if slot == noSlot || m.answers[slot] == 0 {
		return no, false
	}
	return answer(m.answers[slot] - 1), true
}

func (m *memory) learn(slot int, a answer) {
	if slot != noSlot {
		m.answers[slot] = uint8(a) + 1
	}
}

// context returns the values of a request's condition key.
func (m *memory) context(c *condition, q *question) []string {
	if c.keySlot == noSlot {
		return q.context(c.key)
	}
	v := &m.values[c.keySlot]
	if v.key == "" {
		v.key, v.values = c.key, q.context(c.key)
	}
	return v.values
}

// test is what makes two conditions the same one.
type test struct {
	op             *operator
	quantifier     quantifier
	ifExists, deny bool
	key, values    string
}

func (c *condition) test() test {
	return test{c.op, c.quantifier, c.ifExists, c.deny, c.key, quoteAll(c.texts)}
}

// resourceTest is test for the resources of a statement.
type resourceTest struct {
	not    bool
	values string
}

// quoteAll returns one text that is the same for the same texts only.
func quoteAll(texts []string) string {
	var b []byte
	for _, text := range texts {
		b = strconv.AppendQuote(b, text)
	}
	return string(b)
}

// share gives slots of memory to what several statements ask, and has each
// statement begin with that.
func share(statements []statement) {
	conditions, resources, keys := slots[test]{}, slots[resourceTest]{}, slots[string]{}
	for i := range statements {
		s := &statements[i]
		resources.count(resourceTest{s.notResource, s.resourceText})
		for j := range s.conditions {
			conditions.count(s.conditions[j].test())
			keys[s.conditions[j].key] = 2 // one would do: a policy asks for few
		}
	}
	next, nextKey := 0, 0
	for i := range statements {
		s := &statements[i]
		s.resourceSlot = resources.slot(resourceTest{s.notResource, s.resourceText}, &next, len(memory{}.answers))
		for j := range s.conditions {
			c := &s.conditions[j]
			c.slot = conditions.slot(c.test(), &next, len(memory{}.answers))
			c.keySlot = keys.slot(c.key, &nextKey, len(memory{}.values))
		}
		slices.SortStableFunc(s.conditions, func(a, b condition) int { return min(b.slot, 0) - min(a.slot, 0) })
	}
}

// slots counts who asks what. A count below zero stands for a slot.
type slots[T comparable] map[T]int

func (s slots[T]) count(what T) { s[what]++ }

// slot returns the slot of what is asked more than once, while there are any.
func (s slots[T]) slot(what T, next *int, limit int) int {
	switch n := s[what]; {
	case n < 0:
		return -n - 1
	case n < 2 || *next == limit:
		return noSlot
	}
	*next++
	s[what] = -*next
	return *next - 1
}
