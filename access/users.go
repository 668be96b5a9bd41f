package access

import (
	"strings"

	"ais/cluster"
	"ais/s3api"
)

// Owner returns the user of that id as answers show who owns something: by the id
// alone where there is no such user any more. "" is nobody, as which S3 shows the
// anonymous.
func Owner(state *cluster.State, id string) s3api.Owner {
	if id == "" || id == s3api.Anyone.ID {
		return s3api.Anyone
	}
	if u, ok := state.User(id); ok {
		return s3api.Owner{ID: u.ID, DisplayName: u.DisplayName}
	}
	return s3api.Owner{ID: id, DisplayName: id}
}

// FindUser finds whom a grant is for, by a user's id or, where name has an "@", by
// the e-mail address, and returns the id.
func FindUser(state *cluster.State, name string) (id string, ok bool) {
	if u, ok := state.User(name); ok {
		return u.ID, true
	}
	if !strings.Contains(name, "@") {
		return "", false
	}
	for _, u := range state.Users() {
		if strings.EqualFold(u.Email, name) {
			return u.ID, true
		}
	}
	return "", false
}
