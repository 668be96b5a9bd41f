package access

import (
	"strings"

	"ais/auth"
	"ais/cluster"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// need is one action that a request has to be allowed.
type need struct {
	action  string
	creates bool   // see auth.Access
	bucket  string // that is not there yet
}

// versioned is what actions are called that name a version of an object.
var versioned = map[string]string{
	"s3:GetObject":           "s3:GetObjectVersion",
	"s3:GetObjectAttributes": "s3:GetObjectVersionAttributes",
	"s3:GetObjectAcl":        "s3:GetObjectVersionAcl",
	"s3:PutObjectAcl":        "s3:PutObjectVersionAcl",
	"s3:GetObjectTagging":    "s3:GetObjectVersionTagging",
	"s3:PutObjectTagging":    "s3:PutObjectVersionTagging",
	"s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
	"s3:DeleteObject":        "s3:DeleteObjectVersion",
}

// needs returns what the request has to be allowed on its bucket and key.
func needs(r *s3api.Request) []need {
	action := r.Op.Action()
	_, version := r.Query("versionId")
	list := append(make([]need, 0, 3), need{action: ofVersion(action, version)})
	switch r.Op {
	case s3api.GetObjectAttributes:
		return append(list, need{action: ofVersion("s3:GetObject", version)})
	case s3api.CreateBucket:
		list[0].bucket = r.Bucket
		if s3api.BringsACL(r.Ctx()) {
			list = append(list, need{action: "s3:PutBucketAcl", creates: true, bucket: r.Bucket})
		}
		if r.Header("X-Amz-Object-Ownership") != "" {
			list = append(list, need{action: "s3:PutBucketOwnershipControls", creates: true, bucket: r.Bucket})
		}
	case s3api.PutObject, s3api.CopyObject, s3api.CreateMultipartUpload:
		if s3api.BringsACL(r.Ctx()) {
			list = append(list, need{action: "s3:PutObjectAcl", creates: true})
		}
		if s3api.AmzHeader(r.Ctx(), "X-Amz-Tagging") != "" {
			list = append(list, need{action: "s3:PutObjectTagging", creates: true})
		}
	}
	return list
}

func ofVersion(action string, version bool) string {
	if v := versioned[action]; version && v != "" {
		return v
	}
	return action
}

// Admit decides about a request for the bucket, nil for one that is about none,
// as far as that can be done without the object: AccessDenied, or nil where it
// is allowed or Granted has the last word. Identify comes before it.
func (c *Control) Admit(r *s3api.Request, b *cluster.Bucket) error {
	s := subjectOf(r.Ctx())
	if s != nil && s.who.ID == foreignPrincipal { // it is not for this cluster to serve
		return c.refused(s3api.AccessDenied)
	}
	if s == nil || s.decided && !c.changed(s, b) {
		return nil // auth is off, or a ticket says it
	}
	s.verdict = auth.NeedsObject
	if r.Op != s3api.PutObjectTagging { // its tags, which the policy may ask about, are in its body
		s.verdict = c.settle(s, b, func(b *cluster.Bucket) auth.Verdict {
			return c.decideAll(r, s, b, nil)
		})
	}
	s.decided = true
	if s.verdict == auth.Deny {
		return c.refused(s3api.AccessDenied)
	}
	return nil
}

// changed reports whether the user or the bucket is newer here than the state that
// the verdict on the request comes from: then it is decided about anew.
func (c *Control) changed(s *subject, b *cluster.Bucket) bool {
	if b != nil && b.Revision > s.asOf {
		return true
	}
	u, ok := c.cfg.State().User(s.who.ID)
	return ok && u.Revision > s.asOf
}

// decideAll decides about everything that a request needs: the worst counts.
func (c *Control) decideAll(r *s3api.Request, s *subject, b *cluster.Bucket, o *auth.ObjectRules) auth.Verdict {
	verdict := auth.Allow
	for _, n := range needs(r) {
		switch c.decide(r.Ctx(), s, n, b, r.Key, o) {
		case auth.Deny:
			return auth.Deny
		case auth.NeedsObject:
			verdict = auth.NeedsObject
		}
	}
	return verdict
}

// settle decides, and where that is a denial, again with the users and buckets as
// etcd has them now: nothing is denied that another node has allowed before. While
// etcd does not answer, the first verdict holds.
func (c *Control) settle(s *subject, b *cluster.Bucket, decide func(*cluster.Bucket) auth.Verdict) auth.Verdict {
	verdict := decide(b)
	if verdict != auth.Deny || s.synced {
		return verdict
	}
	s.synced = true
	now, err := c.sync()
	if err != nil {
		return verdict
	}
	// What was decided on may be older than the state was just before the sync, so that
	// one says nothing: the bucket's revision does, and the user is taken anew.
	changed := false
	if !s.who.Anonymous() {
		if user, ok := now.User(s.who.ID); ok {
			changed = true
			if c.become(s, user.ID, s.session) != nil {
				return auth.Deny
			}
		}
	}
	if b != nil {
		if fresh, ok := now.BucketByID(b.ID); ok && fresh.Revision != b.Revision {
			b, changed = fresh, true
		}
	}
	if !changed {
		return verdict
	}
	return decide(b)
}

// Decide says whether who sent r may do action on the bucket (nil for none) and
// key ("" for none). o is what is known of the object, nil for nothing.
func (c *Control) Decide(r *s3api.Request, action string, b *cluster.Bucket, key string, o *auth.ObjectRules) auth.Verdict {
	return c.DecideHTTP(r.Ctx(), action, b, key, o)
}

// DecideHTTP is Decide for any request that was identified. One that was not is
// denied.
func (c *Control) DecideHTTP(ctx *fasthttp.RequestCtx, action string, b *cluster.Bucket, key string, o *auth.ObjectRules) auth.Verdict {
	return c.decideNeed(ctx, need{action: action}, b, key, o)
}

// decideNeed decides about one action of a request of whatever kind.
func (c *Control) decideNeed(ctx *fasthttp.RequestCtx, n need, b *cluster.Bucket, key string, o *auth.ObjectRules) auth.Verdict {
	s := subjectOf(ctx)
	switch {
	case s != nil:
	case c.On():
		return auth.Deny
	default:
		return auth.Allow
	}
	return c.settle(s, b, func(b *cluster.Bucket) auth.Verdict {
		return c.decide(ctx, s, n, b, key, o)
	})
}

func (c *Control) decide(ctx *fasthttp.RequestCtx, s *subject, n need, b *cluster.Bucket, key string, o *auth.ObjectRules) auth.Verdict {
	a := auth.Access{
		Who: s.who, Action: n.action, Creates: n.creates, Bucket: n.bucket, Key: key, Object: o,
		Context: func(key string) ([]string, bool) { return c.condition(ctx, s, key) },
	}
	if b != nil {
		a.Bucket, a.Rules = b.Name, c.Bucket(b)
		if !s.who.Admin && !auth.BitsAllow(uint64(b.Props.Access), n.action) {
			return auth.Deny
		}
	}
	return auth.Decide(&a)
}

// Require returns AccessDenied unless Decide allows without knowing the object.
func (c *Control) Require(r *s3api.Request, action string, b *cluster.Bucket, key string) error {
	if c.Decide(r, action, b, key, nil) != auth.Allow {
		return c.refused(s3api.AccessDenied)
	}
	return nil
}

// RequireHTTP is Require for a call of the native API: the error is of kind
// Denied.
func (c *Control) RequireHTTP(ctx *fasthttp.RequestCtx, action string, b *cluster.Bucket, key string) error {
	if c.DecideHTTP(ctx, action, b, key, nil) != auth.Allow {
		return c.refused(object.E("access", strings.TrimPrefix(action, "s3:"), object.Denied, nil))
	}
	return nil
}

// RequireCreate is RequireHTTP for the creation of a bucket of that name.
func (c *Control) RequireCreate(ctx *fasthttp.RequestCtx, name string) error {
	if c.decideNeed(ctx, need{action: "s3:CreateBucket", bucket: name}, nil, "", nil) != auth.Allow {
		return c.refused(object.E("access", "CreateBucket", object.Denied, nil))
	}
	return nil
}

// Granted ends the decision about an admitted request under the same read that
// gave m, the metadata of the object that it names, or err. It returns err, or
// AccessDenied where who asks may not have the object, or not know that there is
// none.
func (c *Control) Granted(r *s3api.Request, b *cluster.Bucket, m *object.Meta, err error) error {
	s := subjectOf(r.Ctx())
	if s == nil {
		return err
	}
	missing := Absent(err)
	if err != nil && !missing || err == nil && s.verdict == auth.Allow {
		return err
	}
	o := c.Object(m, err)
	verdict := c.settle(s, b, func(b *cluster.Bucket) auth.Verdict {
		return c.decideAll(r, s, b, o)
	})
	if verdict != auth.Allow {
		return c.refused(s3api.AccessDenied)
	}
	return err
}

// Allowed decides about action on an object whose metadata, m or err, was read: as
// Granted, but for another object than the one that the request names (the source
// of a copy), or a call of the native API.
func (c *Control) Allowed(ctx *fasthttp.RequestCtx, action string, b *cluster.Bucket, key string, m *object.Meta, err error) error {
	if subjectOf(ctx) == nil && !c.On() || err != nil && !Absent(err) {
		return err
	}
	if c.DecideHTTP(ctx, action, b, key, c.Object(m, err)) != auth.Allow {
		return c.refused(object.E("access", strings.TrimPrefix(action, "s3:"), object.Denied, nil))
	}
	return err
}

// Defers reports whether the verdict on the request awaits Granted.
func Defers(r *s3api.Request) bool {
	s := subjectOf(r.Ctx())
	return s != nil && s.verdict == auth.NeedsObject
}

// Absent reports whether err says that an object, or a version of one, is not there.
func Absent(err error) bool {
	switch object.KindOf(err) {
	case object.NotFound, object.NoSuchVersion, object.DeleteMarked:
		return err != nil
	}
	return false
}

// DecideDelete is Decide for one of the objects of a multi-delete, or a version of
// it, as S3 shows its id.
func (c *Control) DecideDelete(r *s3api.Request, b *cluster.Bucket, key, version string, o *auth.ObjectRules) auth.Verdict {
	if s := subjectOf(r.Ctx()); s != nil {
		s.version = version
		defer func() { s.version = "" }()
	}
	return c.Decide(r, ofVersion("s3:DeleteObject", version != ""), b, key, o)
}

// SetRegion notes where a bucket is to be made, for s3:LocationConstraint; "" for
// a request that does not say.
func SetRegion(r *s3api.Request, region string) {
	if s := subjectOf(r.Ctx()); s != nil {
		s.region = region
	}
}

// SetRequestTags notes the tags that a request brings in its body, for
// s3:RequestObjectTag.
func SetRequestTags(r *s3api.Request, tags map[string]string) {
	if s := subjectOf(r.Ctx()); s != nil {
		s.tags = tags
	}
}
