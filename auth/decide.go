package auth

// Access is one thing that somebody wants to do.
type Access struct {
	Who    *Identity
	Action string // "s3:GetObject"
	Bucket string // "" for what is not about a bucket
	Key    string // "" for what is about the bucket
	Rules  *BucketRules
	// Object is nil where nothing is known of the object yet: where it matters, the
	// verdict is NeedsObject then.
	Object *ObjectRules
	// Creates is set for PutObjectAcl and PutObjectTagging where the request that
	// writes the object brings its ACL or tags: it is the writer's to say, unless
	// that is denied.
	Creates bool
	// Context returns the values of a condition key, given in lower case
	// ("aws:sourceip"; what follows a "/", a tag's key, as the policy spells it), and
	// whether the request has it. nil is none. Not asked for are the keys about who
	// sends (aws:username, aws:userid, aws:principalarn, aws:principaltype, …) and
	// about an existing object's tags: those come from Who and Object.
	Context func(key string) (values []string, ok bool)
}

// BucketRules are what a bucket says about who may do what. They are made once
// for each revision of a bucket.
type BucketRules struct {
	Owner     string
	Policy    *Policy // nil for none
	ACL       ACL
	Ownership string // "" is ObjectWriter
	Block     PublicAccessBlock
}

// ObjectRules are what is known of an object.
type ObjectRules struct {
	// Exists is false where no such object or version was found: what the verdict
	// says then about reading it is whether the requester may know that
	// (s3:ListBucket with the key as s3:prefix).
	Exists bool
	Owner  string // "" is the bucket's owner
	ACL    ACL
	Tags   map[string]string
}

// PublicAccessBlock is S3's settings of that name.
type PublicAccessBlock struct {
	BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets bool
}

// Decide says whether a may happen. It is a pure function of a.
func Decide(a *Access) Verdict {
	if a.Who != nil && a.Who.Admin || a.Rules != nil && !a.Who.Anonymous() && a.Rules.Owner == a.Who.ID {
		return Allow
	}
	return Deny
}
