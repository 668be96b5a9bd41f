package target

import (
	"testing"

	"ais/auth"
	"ais/s3api"
)

func TestOwnerOnly(t *testing.T) {
	const owner, bucketOwner, other = "OWNER", "BUCKET", "OTHER"
	tests := []struct {
		name string
		acl  auth.ACL
		want bool
	}{
		{"private", nil, true},
		{"nothing for anybody", auth.ACL{}, false},
		{"the owner", auth.ACL{{Grantee: owner, Permission: auth.FullControl}}, true},
		{"both owners", auth.ACL{{Grantee: owner, Permission: auth.FullControl}, {Grantee: bucketOwner, Permission: auth.FullControl}}, true},
		{"less for the bucket's owner", auth.ACL{{Grantee: bucketOwner, Permission: auth.Read}}, false},
		{"somebody else", auth.ACL{{Grantee: other, Permission: auth.FullControl}}, false},
		{"everybody", auth.ACL{{Grantee: auth.AllUsers, Permission: auth.Read}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := s3api.OwnerOnly(tt.acl, owner, bucketOwner); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
