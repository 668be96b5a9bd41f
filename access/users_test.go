package access

import (
	"testing"

	"ais/cluster"
	"ais/s3api"
)

func TestNamesOfUsers(t *testing.T) {
	state := cluster.NewState(cluster.Contents{Users: []cluster.User{
		{ID: "ALICE", Name: "alice", DisplayName: "Alice A.", Email: "alice@example.com"},
		{ID: "BOB", Name: "bob", DisplayName: "Bob"},
	}})
	for id, want := range map[string]s3api.Owner{
		"":              s3api.Anyone,
		s3api.Anyone.ID: s3api.Anyone,
		"ALICE":         {ID: "ALICE", DisplayName: "Alice A."},
		"GONE":          {ID: "GONE", DisplayName: "GONE"},
	} {
		if got := Owner(state, id); got != want {
			t.Errorf("%q is shown as %+v, want %+v", id, got, want)
		}
	}
	for name, want := range map[string]string{
		"ALICE": "ALICE", "Alice@Example.com": "ALICE", "alice": "", "bob@example.com": "", "": "", "@": "",
	} {
		if got, ok := FindUser(state, name); got != want || ok != (want != "") {
			t.Errorf("%q finds %q (%v), want %q", name, got, ok, want)
		}
	}
}
