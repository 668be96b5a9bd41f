package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	owner     = &Identity{ID: "AKMAIN", Name: "main"}
	other     = &Identity{ID: "AKALT", Name: "alt"}
	third     = &Identity{ID: "AKTHIRD"}
	admin     = &Identity{ID: "AKROOT", Name: "root", Admin: true}
	anonymous *Identity
)

// policyOf returns the policy of a bucket with the statements, each of which is
// the members of an object, with 'single' quotes.
func policyOf(t testing.TB, statements ...string) *Policy {
	t.Helper()
	p, err := ParsePolicy(documentOf(statements...))
	if err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
	return p
}

func userPolicyOf(t testing.TB, statements ...string) *Policy {
	t.Helper()
	p, err := ParseUserPolicy(documentOf(statements...))
	if err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
	return p
}

func documentOf(statements ...string) []byte {
	text := "{" + strings.Join(statements, "},{") + "}"
	return []byte(`{"Version":"2012-10-17","Statement":[` + strings.ReplaceAll(text, "'", `"`) + `]}`)
}

// contextOf returns a Context with the pairs of key and value.
func contextOf(pairs ...string) func(string) ([]string, bool) {
	values := make(map[string][]string)
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = append(values[pairs[i]], pairs[i+1])
	}
	return func(key string) ([]string, bool) {
		v, ok := values[key]
		return v, ok
	}
}

const (
	allowAll   = `'Effect':'Allow','Principal':'*','Action':'*','Resource':['arn:aws:s3:::b','arn:aws:s3:::b/*']`
	denyAll    = `'Effect':'Deny','Principal':'*','Action':'s3:*','Resource':['arn:aws:s3:::b','arn:aws:s3:::b/*']`
	allowGet   = `'Effect':'Allow','Principal':'*','Action':'s3:GetObject','Resource':'arn:aws:s3:::b/*'`
	allowList  = `'Effect':'Allow','Principal':'*','Action':'s3:ListBucket','Resource':'arn:aws:s3:::b'`
	allowPut   = `'Effect':'Allow','Principal':{'AWS':'alt'},'Action':'s3:PutObject','Resource':'arn:aws:s3:::b/*'`
	byTag      = `'Effect':'Allow','Principal':'*','Action':'s3:GetObject','Resource':'arn:aws:s3:::b/*','Condition':{'StringEquals':{'s3:ExistingObjectTag/security':'public'}}`
	denyByTag  = `'Effect':'Deny','Principal':'*','Action':'s3:GetObject','Resource':'arn:aws:s3:::b/*','Condition':{'StringEquals':{'s3:ExistingObjectTag/security':'secret'}}`
	userAllows = `'Effect':'Allow','Action':'s3:*','Resource':'*'`
	userReads  = `'Effect':'Allow','Action':['s3:Get*','s3:List*'],'Resource':'*'`
	userDenies = `'Effect':'Deny','Action':'s3:*','Resource':['arn:aws:s3:::b','arn:aws:s3:::b/*']`
)

func TestDecide(t *testing.T) {
	with := func(who *Identity, statements ...string) *Identity {
		w := *who
		w.Policies = []*Policy{userPolicyOf(t, statements...)}
		return &w
	}
	session := func(who *Identity, statements ...string) *Identity {
		w := *who
		w.Session = userPolicyOf(t, statements...)
		return &w
	}
	rules := func(edit ...func(*BucketRules)) *BucketRules {
		r := &BucketRules{Owner: owner.ID}
		for _, e := range edit {
			e(r)
		}
		return r
	}
	policy := func(statements ...string) func(*BucketRules) {
		p := policyOf(t, statements...)
		return func(r *BucketRules) { r.Policy = p }
	}
	acl := func(name string) func(*BucketRules) {
		a, err := Canned(name, owner.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		return func(r *BucketRules) { r.ACL = a }
	}
	grant := func(who *Identity, p Permission) func(*BucketRules) {
		return func(r *BucketRules) { r.ACL = ACL{{who.ID, p}} }
	}
	enforced := func(r *BucketRules) { r.Ownership = BucketOwnerEnforced }
	block := func(b PublicAccessBlock) func(*BucketRules) { return func(r *BucketRules) { r.Block = b } }
	object := func(who string, a ACL, tags ...string) *ObjectRules {
		o := &ObjectRules{Exists: true, Owner: who, ACL: a, Tags: map[string]string{}}
		for i := 0; i < len(tags); i += 2 {
			o.Tags[tags[i]] = tags[i+1]
		}
		return o
	}
	mine, foreign, missing := object(owner.ID, nil), object(other.ID, nil), &ObjectRules{}
	publicRead := ACL{{AllUsers, Read}}

	for _, test := range []struct {
		name   string
		who    *Identity
		action string // of key "k" where it is on objects
		rules  *BucketRules
		object *ObjectRules
		want   Verdict
	}{
		// Without rules.
		{"anybody with a key creates buckets", other, "CreateBucket", nil, nil, Allow},
		{"a bucket without a name yet", other, "ListAllMyBuckets", nil, nil, Allow},
		{"nobody creates no bucket", anonymous, "CreateBucket", nil, nil, Deny},
		{"nobody's list of buckets", anonymous, "ListAllMyBuckets", nil, nil, Allow},
		{"a user denied to create buckets", with(other, `'Effect':'Deny','Action':'s3:CreateBucket','Resource':'*'`), "CreateBucket", nil, nil, Deny},
		{"the name of another's bucket is no reason", other, "CreateBucket", rules(policy(denyAll)), nil, Allow},
		{"an unknown bucket", other, "ListBucket", nil, nil, Deny},
		{"an unknown bucket, admin", admin, "ListBucket", nil, nil, Allow},

		// The bucket's owner.
		{"owner lists", owner, "ListBucket", rules(), nil, Allow},
		{"owner puts", owner, "PutObject", rules(), nil, Allow},
		{"owner deletes what another owns", owner, "DeleteObject", rules(), foreign, Allow},
		{"owner reads its own", owner, "GetObject", rules(), mine, Allow},
		{"owner reads what nobody else owns", owner, "GetObject", rules(), object("", nil), Allow},
		{"owner reads its own whatever the ACL", owner, "GetObject", rules(), object(owner.ID, ACL{}), Allow},
		{"owner reads what another owns", owner, "GetObject", rules(), foreign, Deny},
		{"owner reads the ACL of what another owns", owner, "GetObjectAcl", rules(), foreign, Deny},
		{"owner replaces the ACL of what another owns", owner, "PutObjectAcl", rules(), foreign, Deny},
		{"owner tags what another owns", owner, "PutObjectTagging", rules(), foreign, Allow},
		{"owner reads what another granted", owner, "GetObject", rules(), object(other.ID, ACL{{owner.ID, FullControl}}), Allow},
		{"owner reads what another owns, enforced", owner, "GetObject", rules(enforced), foreign, Allow},
		{"owner reads the unknown", owner, "GetObject", rules(), nil, NeedsObject},
		{"owner reads the unknown, enforced", owner, "GetObject", rules(enforced), nil, Allow},
		{"owner heads what is not there", owner, "GetObject", rules(), missing, Allow},
		{"owner may not give itself another's objects", owner, "GetObject", rules(policy(allowAll)), foreign, Deny},
		{"owner, denied by its bucket", owner, "PutObject", rules(policy(denyAll)), nil, Deny},
		{"owner, denied by its own policy", with(owner, userDenies), "PutObject", rules(), nil, Deny},
		{"owner rescues its bucket", owner, "DeleteBucketPolicy", rules(policy(denyAll)), nil, Allow},
		{"owner rescues its bucket, reading", owner, "GetBucketPolicy", rules(policy(denyAll)), nil, Allow},
		{"owner rescues its bucket, putting", owner, "PutBucketPolicy", rules(policy(denyAll)), nil, Allow},
		{"owner denied by an admin is not", with(owner, userDenies), "PutBucketPolicy", rules(policy(denyAll)), nil, Deny},
		{"an admin rescues a bucket", admin, "DeleteBucketPolicy", rules(policy(denyAll)), nil, Allow},
		{"others do not", other, "DeleteBucketPolicy", rules(policy(denyAll)), nil, Deny},
		{"a bucket of nobody has no owner", anonymous, "ListBucket", &BucketRules{}, nil, Deny},

		// Admins and strangers.
		{"admin reads anything", admin, "GetObject", rules(), nil, Allow},
		{"admin is denied, too", admin, "GetObject", rules(policy(denyAll)), foreign, Deny},
		{"stranger lists", other, "ListBucket", rules(), nil, Deny},
		{"stranger puts", other, "PutObject", rules(), nil, Deny},
		{"stranger reads", other, "GetObject", rules(), mine, Deny},
		{"stranger reads the unknown", other, "GetObject", rules(), nil, NeedsObject},
		{"stranger reads the unknown, enforced", other, "GetObject", rules(enforced), nil, Deny},
		{"stranger reads its own there", other, "GetObject", rules(), foreign, Allow},
		{"stranger tags its own there", other, "PutObjectTagging", rules(), foreign, Allow},
		{"stranger deletes its own there", other, "DeleteObject", rules(), foreign, Deny},
		{"stranger reads its own, enforced", other, "GetObject", rules(enforced), foreign, Deny},
		{"nobody reads", anonymous, "GetObject", rules(), mine, Deny},
		{"nobody reads the unknown", anonymous, "GetObject", rules(), nil, NeedsObject},
		{"nobody reads an unknown ACL", anonymous, "GetObjectAcl", rules(), nil, NeedsObject},
		{"nobody tags the unknown", anonymous, "PutObjectTagging", rules(), nil, Deny},
		{"another service's action", other, "", rules(policy(allowAll)), nil, Allow},

		// User policies.
		{"a user policy opens others' buckets", with(other, userAllows), "PutObject", rules(), nil, Allow},
		{"a user policy opens others' objects", with(other, userReads), "GetObject", rules(), nil, Allow},
		{"a user policy for less", with(other, userReads), "PutObject", rules(), nil, Deny},
		{"a bucket denies what the user's policy allows", with(other, userAllows), "PutObject", rules(policy(denyAll)), nil, Deny},
		{"a user policy denies what the bucket allows", with(other, userDenies), "PutObject", rules(policy(allowAll)), nil, Deny},

		// Bucket policies.
		{"policy allows all to all", anonymous, "PutObject", rules(policy(allowAll)), nil, Allow},
		{"policy allows lists", other, "ListBucket", rules(policy(allowList)), nil, Allow},
		{"policy allows lists, not versions", other, "ListBucketVersions", rules(policy(allowList)), nil, Deny},
		{"policy allows one user", other, "PutObject", rules(policy(allowPut)), nil, Allow},
		{"policy allows one user, not another", third, "PutObject", rules(policy(allowPut)), nil, Deny},
		{"policy opens the owner's objects", anonymous, "GetObject", rules(policy(allowGet)), mine, Allow},
		{"policy opens not what others own", anonymous, "GetObject", rules(policy(allowGet)), foreign, Deny},
		{"policy opens all where all is the owner's", anonymous, "GetObject", rules(policy(allowGet), enforced), foreign, Allow},
		{"policy and the unknown", anonymous, "GetObject", rules(policy(allowGet)), nil, NeedsObject},
		{"policy and the unknown, enforced", anonymous, "GetObject", rules(policy(allowGet), enforced), nil, Allow},
		{"policy denies the ACL's grants", other, "ListBucket", rules(acl("public-read"), policy(denyAll)), nil, Deny},
		{"policy denies object owners", other, "GetObject", rules(policy(denyAll)), foreign, Deny},

		// Tags.
		{"tag as it should be", other, "GetObject", rules(policy(byTag)), object(owner.ID, nil, "security", "public"), Allow},
		{"tag with another value", other, "GetObject", rules(policy(byTag)), object(owner.ID, nil, "security", "private"), Deny},
		{"tag in another case", other, "GetObject", rules(policy(byTag)), object(owner.ID, nil, "Security", "public"), Deny},
		{"tags unknown", other, "GetObject", rules(policy(byTag), enforced), nil, NeedsObject},
		{"tags deny", admin, "GetObject", rules(policy(denyByTag)), object(owner.ID, nil, "security", "secret"), Deny},
		{"tags might deny", admin, "GetObject", rules(policy(denyByTag)), nil, NeedsObject},
		{"tags do not deny", admin, "GetObject", rules(policy(denyByTag)), mine, Allow},
		{"tags are not asked where nothing allows", anonymous, "GetObject", rules(policy(denyByTag), enforced), nil, Deny},

		// Bucket ACLs.
		{"public-read, list", anonymous, "ListBucket", rules(acl("public-read")), nil, Allow},
		{"public-read, versions", anonymous, "ListBucketVersions", rules(acl("public-read")), nil, Allow},
		{"public-read, uploads", anonymous, "ListBucketMultipartUploads", rules(acl("public-read")), nil, Allow},
		{"public-read, put", anonymous, "PutObject", rules(acl("public-read")), nil, Deny},
		{"public-read does not open objects", anonymous, "GetObject", rules(acl("public-read")), mine, Deny},
		{"public-read-write, put", anonymous, "PutObject", rules(acl("public-read-write")), nil, Allow},
		{"public-read-write, delete", other, "DeleteObject", rules(acl("public-read-write")), mine, Allow},
		{"public-read-write, delete a version", other, "DeleteObjectVersion", rules(acl("public-read-write")), mine, Deny},
		{"public-read-write, get its ACL", other, "GetBucketAcl", rules(acl("public-read-write")), nil, Deny},
		{"authenticated-read, with a key", other, "ListBucket", rules(acl("authenticated-read")), nil, Allow},
		{"authenticated-read, without", anonymous, "ListBucket", rules(acl("authenticated-read")), nil, Deny},
		{"grant READ", other, "ListBucket", rules(grant(other, Read)), nil, Allow},
		{"grant READ, to another", third, "ListBucket", rules(grant(other, Read)), nil, Deny},
		{"grant WRITE", other, "AbortMultipartUpload", rules(grant(other, Write)), nil, Allow},
		{"grant WRITE, list", other, "ListBucket", rules(grant(other, Write)), nil, Deny},
		{"grant READ_ACP", other, "GetBucketAcl", rules(grant(other, ReadACP)), nil, Allow},
		{"grant READ_ACP, put", other, "PutBucketAcl", rules(grant(other, ReadACP)), nil, Deny},
		{"grant WRITE_ACP", other, "PutBucketAcl", rules(grant(other, WriteACP)), nil, Allow},
		{"grant FULL_CONTROL", other, "PutBucketAcl", rules(grant(other, FullControl)), nil, Allow},
		{"grant FULL_CONTROL, policy", other, "PutBucketPolicy", rules(grant(other, FullControl)), nil, Deny},
		{"grant FULL_CONTROL to another, owner", owner, "PutBucketAcl", rules(grant(other, FullControl)), nil, Allow},
		{"no ACL counts where enforced", other, "ListBucket", rules(acl("public-read"), enforced), nil, Deny},

		// Object ACLs.
		{"object public-read", anonymous, "GetObject", rules(), object(owner.ID, publicRead), Allow},
		{"object public-read, version", anonymous, "GetObjectVersion", rules(), object(owner.ID, publicRead), Allow},
		{"object public-read, its ACL", anonymous, "GetObjectAcl", rules(), object(owner.ID, publicRead), Deny},
		{"object public-read, its tags", other, "GetObjectTagging", rules(), object(owner.ID, publicRead), Deny},
		{"object public-read, put", anonymous, "PutObject", rules(), object(owner.ID, ACL{{AllUsers, FullControl}}), Deny},
		{"object FULL_CONTROL, its ACL", third, "PutObjectAcl", rules(), object(other.ID, ACL{{third.ID, FullControl}}), Allow},
		{"object's owner, all revoked", other, "GetObject", rules(), object(other.ID, ACL{}), Deny},
		{"object's owner, all revoked, puts the ACL", other, "PutObjectAcl", rules(), object(other.ID, ACL{}), Allow},
		{"object public-read, enforced", anonymous, "GetObject", rules(enforced), object(owner.ID, publicRead), Deny},
		{"object public-read, denied", anonymous, "GetObject", rules(policy(denyAll)), object(owner.ID, publicRead), Deny},

		// What is not there.
		{"missing, without ListBucket", anonymous, "GetObject", rules(), missing, Deny},
		{"missing, readable, without ListBucket", anonymous, "GetObject", rules(policy(allowGet)), missing, Deny},
		{"missing, with ListBucket", anonymous, "GetObject", rules(acl("public-read")), missing, Allow},
		{"missing, with ListBucket, ACL", anonymous, "GetObjectAcl", rules(acl("public-read")), missing, Allow},
		{"missing, with ListBucket, denied", anonymous, "GetObject", rules(acl("public-read"), policy(denyAll)), missing, Deny},
		{"missing, writing", anonymous, "PutObject", rules(acl("public-read-write")), missing, Allow},
		{"missing, user policy", with(other, userReads), "GetObject", rules(), missing, Allow},

		// Public access block.
		{"ignored ACL", anonymous, "ListBucket", rules(acl("public-read"), block(PublicAccessBlock{IgnorePublicAcls: true})), nil, Deny},
		{"ignored ACL, user", other, "ListBucket", rules(acl("authenticated-read"), block(PublicAccessBlock{IgnorePublicAcls: true})), nil, Deny},
		{"ignored ACL, grant to a user", other, "ListBucket", rules(grant(other, Read), block(PublicAccessBlock{IgnorePublicAcls: true})), nil, Allow},
		{"ignored object ACL", anonymous, "GetObject", rules(block(PublicAccessBlock{IgnorePublicAcls: true})), object(owner.ID, publicRead), Deny},
		{"ignored object ACL, unknown", anonymous, "GetObject", rules(block(PublicAccessBlock{IgnorePublicAcls: true})), nil, Deny},
		{"ignored object ACL, unknown, user", other, "GetObject", rules(block(PublicAccessBlock{IgnorePublicAcls: true})), nil, NeedsObject},
		{"restricted public policy", anonymous, "ListBucket", rules(policy(allowAll), block(PublicAccessBlock{RestrictPublicBuckets: true})), nil, Deny},
		{"restricted public policy, user", other, "ListBucket", rules(policy(allowAll, allowPut), block(PublicAccessBlock{RestrictPublicBuckets: true})), nil, Deny},
		{"restricted public policy, owner", owner, "ListBucket", rules(policy(allowAll), block(PublicAccessBlock{RestrictPublicBuckets: true})), nil, Allow},
		{"restricted public policy, denies", owner, "ListBucket", rules(policy(allowGet, denyAll), block(PublicAccessBlock{RestrictPublicBuckets: true})), nil, Deny},
		{"restricted policy that is not public", other, "PutObject", rules(policy(allowPut), block(PublicAccessBlock{RestrictPublicBuckets: true})), nil, Allow},
		{"blocks of new ACLs do not matter", anonymous, "ListBucket", rules(acl("public-read"), block(PublicAccessBlock{BlockPublicAcls: true, BlockPublicPolicy: true})), nil, Allow},

		// Sessions.
		{"session, within", session(owner, userReads), "GetObject", rules(), mine, Allow},
		{"session, beyond", session(owner, userReads), "PutObject", rules(), nil, Deny},
		{"session, service", session(owner, userReads), "CreateBucket", nil, nil, Deny},
		{"session of an admin", session(admin, userReads), "PutObject", rules(), nil, Deny},
		{"session gives nothing", session(other, userAllows), "PutObject", rules(), nil, Deny},
		{"session denies", session(owner, userAllows, userDenies), "PutObject", rules(), nil, Deny},
		{"session cannot rescue", session(owner, userReads), "DeleteBucketPolicy", rules(policy(denyAll)), nil, Deny},
		{"session, missing", session(owner, `'Effect':'Allow','Action':'s3:GetObject','Resource':'*'`), "GetObject", rules(), missing, Deny},
	} {
		a := &Access{Who: test.who, Action: "s3:" + test.action, Bucket: "b", Rules: test.rules, Object: test.object}
		if test.action == "" {
			a.Action, test.want = "sqs:SendMessage", Deny
			if got := Decide(&Access{Who: admin, Action: a.Action, Bucket: "b", Rules: test.rules}); got != Allow {
				t.Errorf("%s, admin: %v", test.name, got)
			}
		}
		if n, ok := actionNumber[a.Action]; ok && actions[n].kind == objectly {
			a.Key = "k"
		}
		if got := Decide(a); got != test.want {
			t.Errorf("%s: %v, not %v", test.name, got, test.want)
		}
	}
}

// TestForeignAction: patterns of actions are about other services' actions, too.
func TestForeignAction(t *testing.T) {
	for pattern, want := range map[string]Verdict{"ais:*": Allow, "AIS:setconfig": Allow, "*": Allow, "s3:*": Deny, "ais:Get*": Deny} {
		who := &Identity{ID: "x", Policies: []*Policy{userPolicyOf(t, `'Effect':'Allow','Action':'`+pattern+`','Resource':'*'`)}}
		if got := Decide(&Access{Who: who, Action: "ais:SetConfig"}); got != want {
			t.Errorf("%s: %v", pattern, got)
		}
	}
	who := &Identity{ID: "x", Policies: []*Policy{userPolicyOf(t, `'Effect':'Allow','NotAction':'s3:*','Resource':'*'`)}}
	if got := Decide(&Access{Who: who, Action: "ais:SetConfig"}); got != Allow {
		t.Errorf("NotAction: %v", got)
	}
}

// TestWriterSays: what a write brings with it takes no permission of its own, but
// can be denied.
func TestWriterSays(t *testing.T) {
	rules := &BucketRules{Owner: owner.ID, Policy: policyOf(t, allowPut)}
	for _, action := range []string{putBucketACL, putOwnership} {
		a := &Access{Who: other, Action: action, Bucket: "b", Creates: true}
		if got := Decide(a); got != Allow {
			t.Errorf("%s of a new bucket: %v", action, got)
		}
		a.Who = &Identity{ID: "x", Policies: []*Policy{userPolicyOf(t, `'Effect':'Deny','Action':'s3:Put*','Resource':'arn:aws:s3:::b'`)}}
		if got := Decide(a); got != Deny {
			t.Errorf("%s of a new bucket, denied: %v", action, got)
		}
	}
	for _, action := range []string{putObjectACL, putObjectTagging} {
		a := &Access{Who: other, Action: action, Bucket: "b", Key: "k", Rules: rules, Creates: true}
		if got := Decide(a); got != Allow {
			t.Errorf("%s of what is written: %v", action, got)
		}
		a.Creates = false
		if got := Decide(a); got != NeedsObject {
			t.Errorf("%s of what exists: %v", action, got)
		}
		a.Creates, a.Rules = true, &BucketRules{Owner: owner.ID, Policy: policyOf(t, allowPut, denyAll)}
		if got := Decide(a); got != Deny {
			t.Errorf("%s, denied: %v", action, got)
		}
		a.Rules, a.Action = rules, "s3:PutBucketPolicy"
		if got := Decide(a); got != Deny {
			t.Errorf("another action: %v", got)
		}
	}
}

// TestMayKnow: whether a key exists is told to those who may list it.
func TestMayKnow(t *testing.T) {
	rules := &BucketRules{Owner: owner.ID, Policy: policyOf(t, `'Effect':'Allow','Principal':'*','Action':'s3:ListBucket',
		'Resource':'arn:aws:s3:::b','Condition':{'StringLike':{'s3:prefix':'public/*'}}`)}
	for key, want := range map[string]Verdict{"public/x": Allow, "private/x": Deny, "public": Deny} {
		a := &Access{Who: other, Action: "s3:GetObject", Bucket: "b", Key: key, Rules: rules, Object: &ObjectRules{}}
		// What the request says of its own prefix is not about the key.
		for _, context := range []func(string) ([]string, bool){nil, contextOf("s3:prefix", "public/y")} {
			a.Context = context
			if got := Decide(a); got != want {
				t.Errorf("%s: %v", key, got)
			}
		}
	}
}

// TestKnowingTheObject makes worlds at random: what is decided without the object
// must hold for every object.
func TestKnowingTheObject(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	people := []*Identity{owner, other, third, admin, anonymous}
	statement := func(principal bool) string {
		s := fmt.Sprintf(`'Effect':'%s','Action':'%s','Resource':['arn:aws:s3:::b','arn:aws:s3:::b/*']`, pick("Allow", "Deny", "Allow"),
			pick("s3:*", "s3:GetObject", "s3:*Object*", "s3:ListBucket", "s3:PutObjectAcl"))
		if principal {
			s += fmt.Sprintf(`,'Principal':{'AWS':'%s'}`, pick("*", "alt", "main", "AKTHIRD"))
		}
		switch r.IntN(4) {
		case 0:
			s += fmt.Sprintf(`,'Condition':{'%s':{'s3:ExistingObjectTag/t':'%s'}}`, pick("StringEquals", "StringNotEquals",
				"StringEqualsIfExists", "ForAnyValue:StringLike", "ForAllValues:StringNotEquals"), pick("a", "b", "${aws:username}"))
		case 1:
			s += fmt.Sprintf(`,'Condition':{'Null':{'s3:ExistingObjectTag/t':'%s'}}`, pick("true", "false"))
		case 2:
			s += `,'Condition':{'StringEquals':{'aws:username':'${s3:ExistingObjectTag/t}'}}`
		}
		return s
	}
	acl := func() ACL {
		var a ACL
		for range r.IntN(3) {
			a = append(a, Grant{pick(AllUsers, AuthenticatedUsers, owner.ID, other.ID), Permission(pick("READ", "FULL_CONTROL", "WRITE_ACP"))})
		}
		return a
	}
	verdicts, exact := map[Verdict]int{}, 0
	for range 8000 {
		who := people[r.IntN(len(people))]
		if who != nil {
			w := *who
			if r.IntN(3) == 0 {
				w.Policies = []*Policy{userPolicyOf(t, statement(false))}
			}
			if r.IntN(4) == 0 {
				w.Session = userPolicyOf(t, statement(false), statement(false))
			}
			who = &w
		}
		rules := &BucketRules{Owner: pick(owner.ID, other.ID), ACL: acl(), Ownership: pick("", BucketOwnerEnforced, BucketOwnerPreferred)}
		if r.IntN(2) == 0 {
			rules.Policy = policyOf(t, statement(true), statement(true))
		}
		rules.Block = PublicAccessBlock{IgnorePublicAcls: r.IntN(2) == 0, RestrictPublicBuckets: r.IntN(2) == 0}
		a := Access{Who: who, Bucket: "b", Key: "k", Rules: rules, Action: "s3:" + pick("GetObject", "GetObjectAcl", "PutObjectAcl",
			"GetObjectTagging", "PutObject", "DeleteObject", "GetObjectVersion")}
		before := Decide(&a)
		verdicts[before]++
		seen := map[Verdict]bool{}
		for range 30 {
			a.Object = &ObjectRules{Exists: true, Owner: pick("", owner.ID, other.ID, third.ID), ACL: acl(), Tags: map[string]string{}}
			if r.IntN(3) > 0 {
				a.Object.Tags["t"] = pick("a", "b", "alt", "main")
			}
			after := Decide(&a)
			seen[after] = true
			if after == NeedsObject || before != NeedsObject && after != before {
				t.Fatalf("%v without the object, %v with it\n%+v\n%+v\n%+v", before, after, a, *rules, *a.Object)
			}
		}
		if before == NeedsObject && len(seen) == 2 {
			exact++
		}
	}
	if verdicts[Allow] < 500 || verdicts[Deny] < 500 || verdicts[NeedsObject] < 500 {
		t.Errorf("lopsided worlds: %v", verdicts)
	}
	if needs := verdicts[NeedsObject]; exact < needs*3/4 {
		t.Errorf("the object changed the verdict in %d of %d cases", exact, needs)
	} else {
		t.Logf("the object changed the verdict in %d of %d cases", exact, needs)
	}
}

// BenchmarkDecide measures policies of 100 statements. cpu-ns/op is CPU time, which
// other processes on the machine do not change as much as they do ns/op.
func BenchmarkDecide(b *testing.B) {
	const key = "home/99/some/long/key/of/an/object.parquet"
	for _, c := range []struct {
		name      string
		statement string // %[1]d is its number; the last one allows
	}{
		{"specific", `'Principal':{'AWS':['arn:aws:iam:::user/user%[1]d','alt']},'Action':['s3:Get*','s3:PutObject'],'Resource':'arn:aws:s3:::b/home/%[1]d/*',` +
			`'Condition':{'IpAddress':{'aws:SourceIp':'10.%[1]d.0.0/16'},'StringLike':{'aws:UserAgent':'*boto%03[1]d*'}}`},
		// Every statement is about the request but for its last condition.
		{"alike", `'Principal':{'AWS':['arn:aws:iam:::user/user%[1]d','alt']},'Action':['s3:Get*','s3:PutObject'],'Resource':'arn:aws:s3:::b/*/object*',` +
			`'Condition':{'IpAddress':{'aws:SourceIp':'10.99.0.0/16'},'StringLike':{'aws:UserAgent':'*boto%03[1]d*'}}`},
		// The same, with nothing that two statements share.
		{"distinct", `'Principal':{'AWS':['arn:aws:iam:::user/user%[1]d','alt']},'Action':['s3:Get*','s3:PutObject'],'Resource':['arn:aws:s3:::b/%[1]d*','arn:aws:s3:::b/*/key/o*'],` +
			`'Condition':{'NotIpAddress':{'aws:SourceIp':'11.%[1]d.0.0/16'},'StringLike':{'aws:UserAgent':'*boto%03[1]d*'}}`},
		{"variables", `'Principal':'*','Action':'s3:*','Resource':'arn:aws:s3:::b/*/${aws:username}/*%[1]d','Condition':{'StringEqualsIgnoreCase':{'aws:UserAgent':'AWS-cli boto%03[1]d and so on'}}`},
		{"dates", `'Principal':'*','Action':'s3:*','Resource':'arn:aws:s3:::b/*','Condition':{'DateGreaterThan':{'aws:CurrentTime':'20%02[1]d-01-02T00:00:00Z'},'ArnLike':{'aws:PrincipalArn':'arn:aws:iam:*:*:user/%[1]d*'}}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			var statements []string
			for i := range 100 {
				statements = append(statements, `'Effect':'Allow',`+fmt.Sprintf(c.statement, i))
			}
			a := &Access{Who: other, Action: "s3:PutObject", Bucket: "b", Key: key,
				Rules:   &BucketRules{Owner: owner.ID, Policy: policyFit(b, statements)},
				Context: contextOf("aws:sourceip", "10.99.1.2", "aws:useragent", "aws-cli boto099 and so on", "aws:currenttime", "1999-01-01T00:00:00Z")}
			want := Decide(a)
			b.ReportAllocs()
			cpu := cpuTime()
			for b.Loop() {
				if Decide(a) != want {
					b.Fatal(want)
				}
			}
			b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpuTime returns what this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// policyFit parses statements that together may be longer than a policy.
func policyFit(t testing.TB, statements []string) *Policy {
	t.Helper()
	var all []statement
	for _, s := range statements {
		all = append(all, policyOf(t, s).statements...)
	}
	return newPolicy(all)
}

func FuzzDecide(f *testing.F) {
	f.Add(string(documentOf(allowAll)), "s3:GetObject", "key", "10.0.0.1", "tag")
	f.Add(string(documentOf(byTag, denyByTag)), "s3:PutObjectAcl", "a/b", "", "public")
	f.Add(string(documentOf(`'Effect':'Allow','Principal':'*','Action':'s3:*','Resource':'arn:aws:s3:::b/${aws:username}/?${*}*','Condition':{'ForAnyValue:ArnLike':{'aws:x':'arn:a*:b:c:d:${s3:prefix}'},'DateLessThanIfExists':{'aws:CurrentTime':'2026-01-01T00:00:00Z'}}`)), "s3:ListBucket", "alt/x*y", "::1", "")
	f.Fuzz(func(t *testing.T, document, action, key, value, tag string) {
		for _, parse := range []func([]byte) (*Policy, error){ParsePolicy, ParseUserPolicy} {
			p, err := parse([]byte(document))
			if err != nil {
				var reason PolicyError
				if !errors.As(err, &reason) || reason == "" {
					t.Fatalf("%q: %v", document, err)
				}
				continue
			}
			if !json.Valid([]byte(document)) || len(document) > MaxPolicy {
				t.Fatalf("%q is a policy", document)
			}
			_ = p.CheckBucket("b")
			session := *other
			session.Session = p
			for _, who := range []*Identity{other, anonymous, &session, {ID: "p", Policies: []*Policy{p}}} {
				a := Access{Who: who, Action: action, Bucket: "b", Key: key, Rules: &BucketRules{Owner: "o", Policy: p},
					Context: func(string) ([]string, bool) { return []string{value, tag}, value != "" }}
				before := Decide(&a)
				a.Object = &ObjectRules{Exists: true, Tags: map[string]string{tag: value}}
				if after := Decide(&a); after == NeedsObject || before != NeedsObject && after != before {
					t.Fatalf("%v, then %v", before, after)
				}
			}
		}
	})
}
