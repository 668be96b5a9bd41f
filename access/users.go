package access

import (
	"strings"

	"ais/auth"
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

// Finder is FindUser in the form that requests are read with; nil while the cluster
// has no users.
func Finder(state *cluster.State) s3api.FindUser {
	if !state.Config.Auth {
		return nil
	}
	return func(name string) (string, bool) { return FindUser(state, name) }
}

// Writer returns the id of who owns what a request of who writes into the bucket;
// "" is the bucket's owner, to whom belongs what nobody signed for: else nobody
// could ever read it.
func Writer(who *auth.Identity, b *cluster.Bucket) string {
	if who.Anonymous() || who.ID == b.Owner { // nobody also while auth is off
		return ""
	}
	return who.ID
}

// OwnerID returns the id that ACLs and answers have for an owner of something in
// the bucket; "" is the bucket's own owner, and while auth is off everybody.
func OwnerID(b *cluster.Bucket, owner string) string {
	if owner == "" {
		owner = b.Owner
	}
	if owner == "" {
		owner = s3api.Anyone.ID
	}
	return owner
}

// Owners names the owners of what is in the bucket, by what OwnerID takes.
func Owners(state *cluster.State, b *cluster.Bucket) s3api.Owners {
	return func(id string) s3api.Owner { return Owner(state, OwnerID(b, id)) }
}
