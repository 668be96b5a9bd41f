package target

import (
	"ais/cluster"
	"ais/s3api"
)

// remoteOnly are the operations on objects of remote buckets that are refused: they
// are about what only the remote keeps.
var remoteOnly = map[s3api.Op]*s3api.Error{
	s3api.PutObjectACL:        s3api.NotImplemented.Say("The ACLs of objects in a remote bucket are the remote's. Set them there."),
	s3api.GetObjectTagging:    errRemoteTags,
	s3api.PutObjectTagging:    errRemoteTags,
	s3api.DeleteObjectTagging: errRemoteTags,
}

var errRemoteTags = s3api.NotImplemented.Say("The tags of objects in a remote bucket are the remote's. Read and change them there.")

// checkRemoteOnly refuses an operation on an object of a remote bucket that has to
// be asked for at the remote.
func checkRemoteOnly(r *s3api.Request, b *cluster.Bucket) error {
	refusal, refused := remoteOnly[r.Op]
	if _, remote := b.Remote(); !remote || !refused {
		return nil
	}
	return refusal
}
