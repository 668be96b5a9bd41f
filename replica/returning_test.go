package replica

import (
	"testing"

	"ais/object"
)

// TestReturning has a copy that catches up be told of changes that it could not take.
func TestReturning(t *testing.T) {
	var r returning
	n := object.Name{Bucket: 1, Key: "k"}
	if !r.owe(n) || r.close(1) {
		t.Fatal("what is owed is forgotten")
	}
	debt := r.debt(n)
	if !r.owe(n) { // another change, while the name is fetched
		t.Fatal("a second change is not owed")
	}
	if r.paid(n, debt); r.close(1) || len(r.owing(10)) != 1 {
		t.Fatal("what was fetched before the second change counts for that, too")
	}
	r.paid(n, r.debt(n))
	if !r.close(1) || !r.closedAt(1) || r.closedAt(2) {
		t.Fatal("nothing is owed, and the copies are not in sync")
	}
	if r.owe(n) || len(r.owing(10)) != 0 {
		t.Error("a change is owed by a copy that says that it lacks none")
	}
	if r.open(); !r.owe(n) {
		t.Error("a copy that is behind again owes nothing")
	}
}
