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
	// writes the object brings its ACL or tags, and likewise for PutBucketAcl and
	// PutBucketOwnershipControls: it is the writer's to say, unless that is denied.
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
	Ownership string // one of the values below; "" is ObjectWriter
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

// The values of BucketRules.Ownership.
const (
	ObjectWriter         = "ObjectWriter"
	BucketOwnerPreferred = "BucketOwnerPreferred"
	BucketOwnerEnforced  = "BucketOwnerEnforced"
)

// Decide says whether a may happen. It is a pure function of a.
//
// An explicit deny, of the user's own policies, the session's or the bucket's,
// wins over everything, but that the bucket's cannot keep its owner and admins
// from reading and replacing it. Else one of these suffices, within what a
// session's policy allows: the user's own policies, the bucket's policy, its ACL,
// the object's ACL, to be the bucket's owner (but not to read objects that others
// own, while ACLs are in force), to be the object's owner, to be an admin.
//
// Where the object is not known, Allow is about one that exists.
func Decide(a *Access) Verdict {
	q := ask(a)
	allowed, denied := q.user()
	bucketAllow, bucketDeny := q.bucket()
	denied = max(denied, bucketDeny)
	if denied == yes {
		return Deny
	}
	bound := yes
	if a.Who != nil && a.Who.Session != nil {
		allow, deny := a.Who.Session.evaluate(q)
		bound, denied = allow, max(denied, deny)
	}
	switch {
	case q.isOfWriter():
		allowed = yes
	case q.isMissing():
		allowed = answerOf(mayKnow(a))
	default:
		allowed = max(allowed, q.standing(), q.rules(bucketAllow))
	}
	switch allowed = min(allowed, bound); {
	case denied == yes || allowed == no:
		return Deny
	case denied == maybe || allowed == maybe:
		return NeedsObject
	}
	return Allow
}

// user says what the user's own policies do.
func (q *question) user() (allow, deny answer) {
	if q.a.Who == nil {
		return no, no
	}
	for _, p := range q.a.Who.Policies {
		a, d := p.evaluate(q)
		allow, deny = max(allow, a), max(deny, d)
	}
	return allow, deny
}

// bucket says what the bucket's policy does.
func (q *question) bucket() (allow, deny answer) {
	if q.a.Rules == nil || !q.isOfBucket() {
		return no, no
	}
	allow, deny = q.a.Rules.Policy.evaluate(q)
	if q.a.Rules.Block.RestrictPublicBuckets && q.a.Rules.Policy.Public() {
		allow = no
	}
	switch q.a.Action {
	case getBucketPolicy, putBucketPolicy, deleteBucketPolicy:
		if q.isBucketOwner() || q.a.Who.isAdmin() {
			deny = no
		}
	}
	return allow, deny
}

// standing says what comes with being who asks.
func (q *question) standing() answer {
	return answerOf(q.a.Who.isAdmin() ||
		q.row.kind == service && (!q.a.Who.Anonymous() || q.row.traits&anybody != 0))
}

// rules says what the bucket's rules allow, of which its policy allows policy.
func (q *question) rules(policy answer) answer {
	rules := q.a.Rules
	if rules == nil || !q.isOfBucket() {
		return no
	}
	enforced := rules.Ownership == BucketOwnerEnforced
	allowed := max(policy, answerOf(q.isBucketOwner()))
	if q.row.traits&owned != 0 && !enforced {
		allowed = min(allowed, q.ofBucketOwner())
	}
	if enforced {
		return allowed
	}
	if p := q.row.bucketACL; p != "" && rules.ACL.allows(q.a.Who, p, rules.Owner, rules.Block.IgnorePublicAcls) {
		return yes
	}
	return max(allowed, q.objectACL())
}

// ofBucketOwner says whether the bucket's owner has the object.
func (q *question) ofBucketOwner() answer {
	o, known := q.object()
	if !known {
		return maybe
	}
	return answerOf(o == nil || o.Owner == "" || o.Owner == q.a.Rules.Owner)
}

// objectACL says whether the object's ACL, or owning it, suffices.
func (q *question) objectACL() answer {
	who, p, ignore := q.a.Who, q.row.objectACL, q.a.Rules.Block.IgnorePublicAcls
	mayOwn := q.row.traits&ownerMay != 0
	if p == "" && !mayOwn {
		return no
	}
	o, known := q.object()
	if !known { // without a user, only a grant to everybody can help
		return maybeIf(!who.Anonymous() || p != "" && !ignore)
	}
	if o == nil {
		return no
	}
	owner := o.Owner
	if owner == "" {
		owner = q.a.Rules.Owner
	}
	if mayOwn && !who.Anonymous() && who.ID == owner {
		return yes
	}
	return answerOf(p != "" && o.ACL.allows(who, p, owner, ignore))
}

func maybeIf(b bool) answer {
	if b {
		return maybe
	}
	return no
}

// isOfWriter reports whether the action is a part of writing the object, which is
// decided about by itself.
func (q *question) isOfWriter() bool {
	if !q.a.Creates {
		return false
	}
	switch q.a.Action {
	case putObjectACL, putObjectTagging, putBucketACL, putOwnership:
		return true
	}
	return false
}

// isOfBucket reports whether a bucket's rules have a say.
func (q *question) isOfBucket() bool { return q.row.kind == bucketly || q.row.kind == objectly }

func (q *question) isBucketOwner() bool {
	return q.a.Rules != nil && !q.a.Who.Anonymous() && q.a.Who.ID == q.a.Rules.Owner
}

// isMissing reports whether the object is known not to exist, and that matters.
func (q *question) isMissing() bool {
	o, known := q.object()
	return known && o != nil && !o.Exists
}

// mayKnow reports whether a's requester may list a's key, and so know that it does
// not exist.
func mayKnow(a *Access) bool {
	list := Access{Who: a.Who, Action: listBucket, Bucket: a.Bucket, Rules: a.Rules}
	list.Context = func(key string) ([]string, bool) {
		switch key {
		case "s3:prefix":
			return []string{a.Key}, true
		case "s3:delimiter", "s3:max-keys":
			return nil, false
		}
		if a.Context == nil {
			return nil, false
		}
		return a.Context(key)
	}
	return Decide(&list) == Allow
}
