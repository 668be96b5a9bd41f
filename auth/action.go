package auth

// kind is what an action is about.
type kind uint8

const (
	foreign  kind = iota // not S3's
	service              // not about a bucket that exists: its rules do not count
	bucketly             // about a bucket
	objectly             // about an object, that is a key
)

// traits are what else there is to know of an action on objects.
type traits uint8

const (
	// reads: it is about an object that exists. Its tags can be conditions, and
	// where it does not exist, the requester may not be told.
	reads traits = 1 << iota
	// owned: the object's owner and ACL decide, not the bucket's owner.
	owned
	// anybody: who has no key may do it, too, unless denied. A list of one's buckets
	// is empty for them.
	anybody
	// ownerMay: the object's owner may do it, besides the bucket's.
	ownerMay
)

// AIStore's access bits, as cluster.Access has them; bitDestroy is AIStore's for
// the destruction of a bucket, which cluster has no name for.
const (
	bitGet          = 1 << 0
	bitHeadObject   = 1 << 1
	bitPut          = 1 << 2
	bitDeleteObject = 1 << 4
	bitUpdateObject = 1 << 7
	bitHeadBucket   = 1 << 8
	bitListObjects  = 1 << 9
	bitPatch        = 1 << 10
	bitSetBucketACL = 1 << 11
	bitDestroy      = 1 << 15
)

// action is a row of the table of actions: its name without "s3:", what it is
// about, the permission of the bucket's ACL and of the object's ACL that each
// suffice for it ("" for none), and the access bit that it takes (0 for none).
type action struct {
	name      string
	kind      kind
	traits    traits
	bucketACL Permission
	objectACL Permission
	bit       uint64
}

// actions are those of S3, as its service authorization reference lists them,
// but for those about access points, jobs, Storage Lens and table buckets.
// The permissions are S3's "mapping of ACL permissions".
var actions = [...]action{
	{name: "CreateBucket", kind: service},
	{name: "ListAllMyBuckets", kind: service, traits: anybody},

	{name: "ListBucket", kind: bucketly, bucketACL: Read, bit: bitListObjects},
	{name: "ListBucketVersions", kind: bucketly, bucketACL: Read, bit: bitListObjects},
	{name: "ListBucketMultipartUploads", kind: bucketly, bucketACL: Read, bit: bitListObjects},
	{name: "DeleteBucket", kind: bucketly, bit: bitDestroy},
	{name: "GetBucketAcl", kind: bucketly, bucketACL: ReadACP, bit: bitHeadBucket},
	{name: "PutBucketAcl", kind: bucketly, bucketACL: WriteACP, bit: bitSetBucketACL},
	{name: "GetBucketLocation", kind: bucketly, bit: bitHeadBucket},
	{name: "GetBucketVersioning", kind: bucketly, bit: bitHeadBucket},
	{name: "PutBucketVersioning", kind: bucketly, bit: bitPatch},
	{name: "GetBucketPolicy", kind: bucketly, bit: bitHeadBucket},
	{name: "GetBucketPolicyStatus", kind: bucketly, bit: bitHeadBucket},
	{name: "PutBucketPolicy", kind: bucketly, bit: bitSetBucketACL},
	{name: "DeleteBucketPolicy", kind: bucketly, bit: bitSetBucketACL},
	{name: "GetBucketPublicAccessBlock", kind: bucketly, bit: bitHeadBucket},
	{name: "PutBucketPublicAccessBlock", kind: bucketly, bit: bitSetBucketACL},
	{name: "GetBucketOwnershipControls", kind: bucketly, bit: bitHeadBucket},
	{name: "PutBucketOwnershipControls", kind: bucketly, bit: bitSetBucketACL},
	{name: "GetBucketCORS", kind: bucketly, bit: bitHeadBucket},
	{name: "PutBucketCORS", kind: bucketly, bit: bitPatch},
	{name: "GetBucketTagging", kind: bucketly, bit: bitHeadBucket},
	{name: "PutBucketTagging", kind: bucketly, bit: bitPatch},
	{name: "GetLifecycleConfiguration", kind: bucketly, bit: bitHeadBucket},
	{name: "PutLifecycleConfiguration", kind: bucketly, bit: bitPatch},
	{name: "GetBucketWebsite", kind: bucketly, bit: bitHeadBucket},
	{name: "PutBucketWebsite", kind: bucketly, bit: bitPatch},
	{name: "DeleteBucketWebsite", kind: bucketly, bit: bitPatch},
	{name: "GetEncryptionConfiguration", kind: bucketly, bit: bitHeadBucket},
	{name: "PutEncryptionConfiguration", kind: bucketly, bit: bitPatch},
	{name: "GetReplicationConfiguration", kind: bucketly, bit: bitHeadBucket},
	{name: "PutReplicationConfiguration", kind: bucketly, bit: bitPatch},
	{name: "GetBucketObjectLockConfiguration", kind: bucketly, bit: bitHeadBucket},
	{name: "PutBucketObjectLockConfiguration", kind: bucketly, bit: bitPatch},
	{name: "GetBucketLogging", kind: bucketly, bit: bitHeadBucket},
	{name: "PutBucketLogging", kind: bucketly, bit: bitPatch},
	{name: "GetBucketRequestPayment", kind: bucketly, bit: bitHeadBucket},
	{name: "PutBucketRequestPayment", kind: bucketly, bit: bitPatch},
	{name: "GetBucketNotification", kind: bucketly, bit: bitHeadBucket},
	{name: "PutBucketNotification", kind: bucketly, bit: bitPatch},
	{name: "GetAccelerateConfiguration", kind: bucketly, bit: bitHeadBucket},
	{name: "PutAccelerateConfiguration", kind: bucketly, bit: bitPatch},
	{name: "GetAnalyticsConfiguration", kind: bucketly, bit: bitHeadBucket},
	{name: "PutAnalyticsConfiguration", kind: bucketly, bit: bitPatch},
	{name: "GetIntelligentTieringConfiguration", kind: bucketly, bit: bitHeadBucket},
	{name: "PutIntelligentTieringConfiguration", kind: bucketly, bit: bitPatch},
	{name: "GetInventoryConfiguration", kind: bucketly, bit: bitHeadBucket},
	{name: "PutInventoryConfiguration", kind: bucketly, bit: bitPatch},
	{name: "GetMetricsConfiguration", kind: bucketly, bit: bitHeadBucket},
	{name: "PutMetricsConfiguration", kind: bucketly, bit: bitPatch},

	{name: "GetObject", kind: objectly, traits: reads | owned, objectACL: Read, bit: bitGet},
	{name: "GetObjectVersion", kind: objectly, traits: reads | owned, objectACL: Read, bit: bitGet},
	{name: "GetObjectTorrent", kind: objectly, traits: reads | owned, objectACL: Read, bit: bitGet},
	{name: "GetObjectVersionTorrent", kind: objectly, traits: reads | owned, objectACL: Read, bit: bitGet},
	{name: "GetObjectAttributes", kind: objectly, traits: reads | owned, objectACL: Read, bit: bitHeadObject},
	{name: "GetObjectVersionAttributes", kind: objectly, traits: reads | owned, objectACL: Read, bit: bitHeadObject},
	{name: "GetObjectAcl", kind: objectly, traits: reads | owned, objectACL: ReadACP, bit: bitHeadObject},
	{name: "GetObjectVersionAcl", kind: objectly, traits: reads | owned, objectACL: ReadACP, bit: bitHeadObject},
	{name: "PutObjectAcl", kind: objectly, traits: reads | owned, objectACL: WriteACP, bit: bitUpdateObject},
	{name: "PutObjectVersionAcl", kind: objectly, traits: reads | owned, objectACL: WriteACP, bit: bitUpdateObject},
	{name: "GetObjectTagging", kind: objectly, traits: reads | ownerMay, bit: bitHeadObject},
	{name: "GetObjectVersionTagging", kind: objectly, traits: reads | ownerMay, bit: bitHeadObject},
	{name: "PutObjectTagging", kind: objectly, traits: reads | ownerMay, bit: bitUpdateObject},
	{name: "PutObjectVersionTagging", kind: objectly, traits: reads | ownerMay, bit: bitUpdateObject},
	{name: "DeleteObjectTagging", kind: objectly, traits: reads | ownerMay, bit: bitUpdateObject},
	{name: "DeleteObjectVersionTagging", kind: objectly, traits: reads | ownerMay, bit: bitUpdateObject},
	{name: "PutObject", kind: objectly, bucketACL: Write, bit: bitPut},
	{name: "AbortMultipartUpload", kind: objectly, bucketACL: Write, bit: bitPut},
	{name: "ListMultipartUploadParts", kind: objectly, bucketACL: Write, bit: bitPut},
	{name: "DeleteObject", kind: objectly, bucketACL: Write, bit: bitDeleteObject},
	{name: "DeleteObjectVersion", kind: objectly, bit: bitDeleteObject},
	{name: "RestoreObject", kind: objectly, bit: bitUpdateObject},
	{name: "GetObjectRetention", kind: objectly, bit: bitHeadObject},
	{name: "PutObjectRetention", kind: objectly, bit: bitUpdateObject},
	{name: "GetObjectLegalHold", kind: objectly, bit: bitHeadObject},
	{name: "PutObjectLegalHold", kind: objectly, bit: bitUpdateObject},
	{name: "BypassGovernanceRetention", kind: objectly, bit: bitUpdateObject},
	{name: "GetObjectVersionForReplication", kind: objectly, bit: bitGet},
	{name: "InitiateReplication", kind: objectly, bit: bitUpdateObject},
	{name: "ObjectOwnerOverrideToBucketOwner", kind: objectly, bit: bitUpdateObject},
	{name: "ReplicateDelete", kind: objectly, bit: bitDeleteObject},
	{name: "ReplicateObject", kind: objectly, bit: bitPut},
	{name: "ReplicateTags", kind: objectly, bit: bitUpdateObject},
}

// Names of actions that Decide treats like no other.
const (
	listBucket         = "s3:ListBucket"
	getBucketPolicy    = "s3:GetBucketPolicy"
	putBucketPolicy    = "s3:PutBucketPolicy"
	deleteBucketPolicy = "s3:DeleteBucketPolicy"
	putObjectACL       = "s3:PutObjectAcl"
	putObjectTagging   = "s3:PutObjectTagging"
	putBucketACL       = "s3:PutBucketAcl"
	putOwnership       = "s3:PutBucketOwnershipControls"
)

// actionNumber is the place of each action in the table, by its full name.
var actionNumber = func() map[string]int {
	numbers := make(map[string]int, len(actions))
	for i := range actions {
		numbers["s3:"+actions[i].name] = i
	}
	return numbers
}()

// foldedActions are the full names, as patterns of actions see them.
var foldedActions = func() (names [len(actions)]string) {
	for i := range actions {
		names[i] = foldText("s3:" + actions[i].name)
	}
	return names
}()

// actionSet is a set of places in the table of actions.
type actionSet [(len(actions) + 63) / 64]uint64

func (s *actionSet) add(n int)      { s[n/64] |= 1 << (n % 64) }
func (s *actionSet) has(n int) bool { return s[n/64]&(1<<(n%64)) != 0 }

// addMatching adds each action that the pattern, a folding one, matches, and reports whether any
// does.
func (s *actionSet) addMatching(p pattern) bool {
	found := false
	for i := range actions {
		if matchGlob(p.glob, foldedActions[i]) {
			s.add(i)
			found = true
		}
	}
	return found
}

// KnownAction reports whether S3 has an action of that full name,
// "s3:GetObject".
func KnownAction(name string) bool {
	_, ok := actionNumber[name]
	return ok
}

// BitsAllow reports whether AIStore's access bits of a bucket (cluster.Access)
// permit an action on it, "s3:GetObject". What no bit is about is permitted, but
// for actions that S3 does not have: those take all bits.
func BitsAllow(bits uint64, action string) bool {
	n, ok := actionNumber[action]
	if !ok {
		return bits == ^uint64(0)
	}
	return bits&actions[n].bit == actions[n].bit
}
