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
	// Context returns the values of a condition key, given in lower case
	// ("aws:sourceip"), and whether the request has it. nil is none. The keys about
	// an existing object's tags are answered from Object.
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
