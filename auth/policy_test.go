package auth

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestParsePolicy(t *testing.T) {
	const good = `'Effect':'Allow','Principal':'*','Action':'s3:GetObject','Resource':'arn:aws:s3:::b/*'`
	replace := func(old, by string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s is not in %s", old, good)
		}
		return strings.Replace(good, old, by, 1)
	}
	document := func(head, statement string) string { return "{" + head + "'Statement':[{" + statement + "}]}" }
	for _, test := range []struct {
		name, document string
		want           string // a part of the error; "" for none
	}{
		{"good", document("'Version':'2012-10-17',", good), ""},
		{"old", document("'Version':'2008-10-17','Id':'x y',", good), ""},
		{"no version", document("", good), ""},
		{"one statement", "{'Statement':{" + good + "}}", ""},
		{"blanks", "\n " + document("", good) + "\n\t ", ""},
		{"Sid with blanks", document("", "'Sid':'Any text at all!',"+good), ""},
		{"lists", document("", replace("'s3:GetObject'", "['s3:GetObject','s3:Put*']")), ""},
		{"all actions", document("", replace("s3:GetObject", "*")), ""},
		{"actions in another case", document("", replace("s3:GetObject", "S3:getobject")), ""},
		{"action with ?", document("", replace("s3:GetObject", "s3:?etObject")), ""},
		{"NotAction", document("", replace("'Action'", "'NotAction'")), ""},
		{"NotResource", document("", replace("'Resource'", "'NotResource'")), ""},
		{"Deny with NotPrincipal", document("", strings.Replace(replace("'Principal':'*'", "'NotPrincipal':{'AWS':'alt'}"), "Allow", "Deny", 1)), ""},
		{"principals", document("", replace("'*'", "{'AWS':['*','AKID','arn:aws:iam::AKID:root','arn:aws:iam:::user/a/path/name','arn:aws:iam::1:role/r'],'CanonicalUser':'AKID','Service':'logging.s3.amazonaws.com','Federated':['x']}")), ""},
		{"assumed role", document("", replace("'*'", "{'AWS':'arn:aws:sts::1:assumed-role/r/s'}")), ""},
		{"another partition", document("", replace("arn:aws:", "arn:aws-cn:")), ""},
		{"every resource", document("", replace("arn:aws:s3:::b/*", "*")), ""},
		{"empty condition", document("", good+",'Condition':{}"), ""},

		{"nothing", "", "valid JSON"},
		{"not JSON", "{'Statement':[}", "valid JSON"},
		{"cut", "{'Statement':[{'Effect':'Allow'", "valid JSON"},
		{"a list", "[]", "valid JSON"},
		{"text", "'policy'", "valid JSON"},
		{"null", "null", "null"},
		{"two documents", document("", good) + "{}", "valid JSON"},
		{"tail", document("", good) + "x", "valid JSON"},
		{"empty object", "{}", "no Statement"},
		{"no statements", "{'Statement':[]}", "no Statement"},
		{"statement is text", "{'Statement':'Allow'}", "no Statement"},
		{"statement in a list is text", "{'Statement':['Allow']}", "no object"},
		{"empty statement", "{'Statement':[{}]}", "Effect"},
		{"null statement", "{'Statement':null}", "null"},
		{"version", document("'Version':'2012-10-18',", good), "Version"},
		{"version, number", document("'Version':2012,", good), "Version"},
		{"id", document("'Id':1,", good), "Id"},
		{"unknown element", document("'Comment':'x',", good), "Comment"},
		{"element in another case", document("'version':'2012-10-17',", good), "version"},
		{"unknown element of a statement", document("", good+",'Actions':'s3:*'"), "Actions"},
		{"an element twice", document("", good+",'Effect':'Deny'"), "twice"},
		{"effect", document("", replace("Allow", "allow")), "Effect"},
		{"no effect", document("", replace("'Effect':'Allow',", "")), "Effect"},
		{"effect is true", document("", replace("'Allow'", "true")), "Effect"},
		{"sid", document("", good+",'Sid':7"), "Sid"},
		{"a sid twice", "{'Statement':[{'Sid':'a'," + good + "},{'Sid':'a'," + good + "}]}", "unique"},
		{"two statements without a sid", "{'Statement':[{" + good + "},{" + good + "}]}", ""},
		{"no principal", document("", replace("'Principal':'*',", "")), "Principal"},
		{"both principals", document("", good+",'NotPrincipal':'*'"), "Principal"},
		{"Allow with NotPrincipal", document("", replace("'Principal':'*'", "'NotPrincipal':{'AWS':'alt'}")), "NotPrincipal"},
		{"principal is a name", document("", replace("'*'", "'alt'")), "principal"},
		{"principal is a list", document("", replace("'*'", "['*']")), "principal"},
		{"principal of nothing", document("", replace("'*'", "{}")), "principal"},
		{"principal of an unknown kind", document("", replace("'*'", "{'aws':'*'}")), "principal"},
		{"principal, empty", document("", replace("'*'", "{'AWS':''}")), "principal"},
		{"principal, empty list", document("", replace("'*'", "{'AWS':[]}")), "principal"},
		{"principal, number", document("", replace("'*'", "{'AWS':[1]}")), "principal"},
		{"principal with a wildcard", document("", replace("'*'", "{'AWS':'arn:aws:iam::1:user/*'}")), "principal"},
		{"principal, short ARN", document("", replace("'*'", "{'AWS':'arn:aws:iam::1'}")), "principal"},
		{"principal, another service", document("", replace("'*'", "{'AWS':'arn:aws:s3:::b'}")), "principal"},
		{"principal, no user", document("", replace("'*'", "{'AWS':'arn:aws:iam::1:user/'}")), "principal"},
		{"principal, group", document("", replace("'*'", "{'AWS':'arn:aws:iam::1:group/g'}")), "principal"},
		{"principal, root of nobody", document("", replace("'*'", "{'AWS':'arn:aws:iam:::root'}")), "principal"},
		{"no action", document("", replace("'Action':'s3:GetObject',", "")), "Action"},
		{"both actions", document("", good+",'NotAction':'s3:*'"), "Action"},
		{"empty action", document("", replace("s3:GetObject", "")), "action"},
		{"action list, empty", document("", replace("'s3:GetObject'", "[]")), "action"},
		{"action is a number", document("", replace("'s3:GetObject'", "1")), "action"},
		{"unknown action", document("", replace("s3:GetObject", "s3:ListObjects")), "s3:ListObjects"},
		{"unknown actions", document("", replace("s3:GetObject", "s3:Frobnicate*")), "action"},
		{"action without service", document("", replace("s3:GetObject", "GetObject")), "action"},
		{"another service's action", document("", replace("s3:GetObject", "sqs:SendMessage")), "action"},
		{"no resource", document("", replace(",'Resource':'arn:aws:s3:::b/*'", "")), "Resource"},
		{"both resources", document("", good+",'NotResource':'*'"), "Resource"},
		{"resource is no ARN", document("", replace("arn:aws:s3:::b/*", "b/*")), "resource"},
		{"resource is short", document("", replace("arn:aws:s3:::b/*", "arn:aws:s3:::")), "resource"},
		{"resource of another service", document("", replace("arn:aws:s3:::b/*", "arn:aws:sqs:::b")), "resource"},
		{"resource of an account", document("", replace("arn:aws:s3:::b/*", "arn:aws:s3:eu:1:accesspoint/b")), "resource"},
		{"resource list, empty", document("", replace("'arn:aws:s3:::b/*'", "[]")), "resource"},
		{"endless variable", document("'Version':'2012-10-17',", replace("b/*", "b/${aws:username")), "variable"},
		{"nameless variable", document("'Version':'2012-10-17',", replace("b/*", "b/${}")), "variable"},
		{"default without quotes", document("'Version':'2012-10-17',", replace("b/*", "b/${aws:username, x}")), "variable"},
		{"variables of before", document("", replace("b/*", "b/${aws:username")), ""},
		{"condition is text", document("", good+",'Condition':'Bool'"), "Condition"},
		{"unknown operator", document("", good+",'Condition':{'StringIs':{'aws:username':'x'}}"), "StringIs"},
		{"operator in another case", document("", good+",'Condition':{'stringequals':{'aws:username':'x'}}"), "operator"},
		{"operator without keys", document("", good+",'Condition':{'StringLike':'x'}"), "keys"},
		{"NullIfExists", document("", good+",'Condition':{'NullIfExists':{'aws:username':'true'}}"), "operator"},
		{"unknown quantifier", document("", good+",'Condition':{'ForSomeValue:StringLike':{'aws:username':'x'}}"), "operator"},
		{"a key twice", document("", good+",'Condition':{'StringLike':{'aws:username':'x','aws:username':'y'}}"), "twice"},
		{"an operator twice", document("", good+",'Condition':{'StringLike':{'aws:username':'x'},'StringLike':{'aws:username':'x'}}"), "twice"},
		{"no values", document("", good+",'Condition':{'StringLike':{'aws:username':[]}}"), "values"},
		{"values of values", document("", good+",'Condition':{'StringLike':{'aws:username':[['x']]}}"), "values"},
		{"key without service", document("", good+",'Condition':{'StringLike':{'username':'x'}}"), "key"},
		{"unknown key of S3", document("", good+",'Condition':{'StringLike':{'s3:ExistingTag/x':'x'}}"), "s3:ExistingTag/x"},
		{"tag without a name", document("", good+",'Condition':{'StringLike':{'s3:ExistingObjectTag/':'x'}}"), "key"},
		{"number", document("", good+",'Condition':{'NumericEquals':{'s3:max-keys':'ten'}}"), "number"},
		{"date", document("", good+",'Condition':{'DateEquals':{'aws:CurrentTime':'soon'}}"), "date"},
		{"bool", document("", good+",'Condition':{'Bool':{'aws:SecureTransport':'yes'}}"), "true nor false"},
		{"null", document("", good+",'Condition':{'Null':{'aws:username':'maybe'}}"), "true nor false"},
		{"base64", document("", good+",'Condition':{'BinaryEquals':{'aws:x':'?'}}"), "base64"},
		{"network", document("", good+",'Condition':{'IpAddress':{'aws:SourceIp':'10.0.0.0/33'}}"), "network"},
		{"ARN", document("", good+",'Condition':{'ArnLike':{'aws:SourceArn':'arn:aws'}}"), "ARN"},
		{"too deep", document("", good+",'Condition':{'StringLike':{'aws:username':[[[[[[['x']]]]]]]}}"), "deep"},
		{"bomb", strings.Repeat("[", 10000), "deep"},
	} {
		_, err := ParsePolicy([]byte(strings.ReplaceAll(test.document, "'", `"`)))
		var reason PolicyError
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.want != "" && (!errors.As(err, &reason) || !strings.Contains(string(reason), test.want)):
			t.Errorf("%s: %v; it should be about %q", test.name, err, test.want)
		}
	}
}

func TestPolicyLength(t *testing.T) {
	document := func(length int) []byte {
		d := documentOf(allowGet)
		return append(d, strings.Repeat(" ", length-len(d))...)
	}
	if _, err := ParsePolicy(document(MaxPolicy)); err != nil {
		t.Error(err)
	}
	if _, err := ParsePolicy(document(MaxPolicy + 1)); err == nil {
		t.Error("a policy may have 20 KiB + 1")
	}
}

func TestParseUserPolicy(t *testing.T) {
	for statement, good := range map[string]bool{
		`'Effect':'Allow','Action':'s3:*','Resource':'*'`:                                           true,
		`'Effect':'Allow','Action':['sts:AssumeRole','s3:NotYet'],'Resource':'arn:aws:iam::1:x'`:    true,
		`'Effect':'Allow','Action':'s3:*','Resource':'arn:aws:s3:eu-1:1:accesspoint/x'`:             true,
		`'Effect':'Allow','Principal':'*','Action':'s3:*','Resource':'*'`:                           false,
		`'Effect':'Allow','Action':'s3','Resource':'*'`:                                             false,
		`'Effect':'Allow','Action':'s 3:x','Resource':'*'`:                                          false,
		`'Effect':'Allow','Action':'s3:','Resource':'*'`:                                            false,
		`'Effect':'Allow','Action':'s3:*','Resource':'bucket'`:                                      false,
		`'Effect':'Allow','Action':'s3:*','Resource':'*','Condition':{'StringLike':{'s3:pre':'x'}}`: false,
	} {
		if _, err := ParseUserPolicy(documentOf(statement)); err == nil != good {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// TestForeignResources: what is not S3's is nothing here.
func TestForeignResources(t *testing.T) {
	for resource, want := range map[string]Verdict{
		"arn:aws:s3:::b/*": Allow, "arn:*:*:*:*:b/k": Allow, "arn:aws:s3:*:*:*": Allow, "*": Allow, "arn:aws:s3:::*": Allow,
		"arn:aws:sqs:::b/*": Deny, "arn:aws:s3:eu::b/*": Deny, "arn:aws:s3:::c/*": Deny, "arn:aws:s3:::b": Deny, "arn:aws:s3:::B/*": Deny,
		"arn:aws:s3:::b/?": Allow, "arn:aws:s3:::b/??": Deny, "arn:aws:s3:::b*": Allow, "arn:aws:s3:::*/k": Allow,
	} {
		who := &Identity{ID: "x", Policies: []*Policy{userPolicyOf(t, `'Effect':'Allow','Action':'*','Resource':'`+resource+`'`)}}
		if got := Decide(&Access{Who: who, Action: "s3:PutObject", Bucket: "b", Key: "k", Rules: &BucketRules{Owner: "o"}}); got != want {
			t.Errorf("%s: %v", resource, got)
		}
	}
}

func TestCheckBucket(t *testing.T) {
	for resource, good := range map[string]bool{
		"arn:aws:s3:::demo": true, "arn:aws:s3:::demo/*": true, "arn:aws:s3:::demo/a/b": true, "arn:aws:s3:::*": true, "*": true,
		"arn:aws:s3:::*/*": true, "arn:aws:s3:::dem?": true, "arn:aws:s3:::dem*/x": true, "arn:aws:s3:::demo*": true,
		"arn:aws:s3:::${aws:username}": true, "arn:aws:s3:::demo/${aws:username}/*": true, "arn:aws:s3:::d*o/x?": true,
		"arn:aws:s3:::demo2": false, "arn:aws:s3:::other/*": false, "arn:aws:s3:::dem": false, "arn:aws:s3:::dem/*": false,
		"arn:aws:s3:::Demo": false, "arn:aws:s3:::?/x": false, "arn:aws:s3:::x${aws:username}": false,
	} {
		for _, element := range []string{"Resource", "NotResource"} {
			p := policyOf(t, fmt.Sprintf(`'Effect':'Deny','Principal':'*','Action':'s3:*','%s':['arn:aws:s3:::demo','%s']`, element, resource))
			if err := p.CheckBucket("demo"); err == nil != good {
				t.Errorf("%s %s: %v", element, resource, err)
			}
		}
	}
}

func TestPublic(t *testing.T) {
	const all = `'Effect':'Allow','Principal':'*','Action':'s3:GetObject','Resource':'*'`
	when := func(condition string) string { return all + ",'Condition':{" + condition + "}" }
	for statement, want := range map[string]bool{
		all: true,
		strings.Replace(all, `'*'`, `{'AWS':['alt','*']}`, 1):            true,
		strings.Replace(all, `'*'`, `{'CanonicalUser':'*'}`, 1):          true,
		strings.Replace(all, `'*'`, `{'AWS':'alt'}`, 1):                  false,
		strings.Replace(all, `'*'`, `{'AWS':'arn:aws:iam::t:root'}`, 1):  false,
		strings.Replace(all, `'*'`, `{'Service':'x.amazonaws.com'}`, 1):  false,
		strings.Replace(all, "Allow", "Deny", 1):                         false,
		when(`'IpAddress':{'aws:SourceIp':'10.0.0.0/32'}`):               false,
		when(`'IpAddress':{'aws:SourceIp':['10.0.0.0/8','fd00::/48']}`):  false,
		when(`'IpAddress':{'aws:SourceIp':['10.0.0.0/8','0.0.0.0/0']}`):  true,
		when(`'IpAddress':{'aws:SourceIp':'128.0.0.0/7'}`):               true,
		when(`'IpAddress':{'aws:SourceIp':'2000::/16'}`):                 true,
		when(`'IpAddressIfExists':{'aws:SourceIp':'10.0.0.0/32'}`):       true,
		when(`'NotIpAddress':{'aws:SourceIp':'10.0.0.0/32'}`):            true,
		when(`'StringLike':{'aws:SourceIp':'*'}`):                        true,
		when(`'StringEquals':{'aws:username':'alt'}`):                    false,
		when(`'StringEquals':{'aws:username':['alt','a*']}`):             true,
		when(`'StringLike':{'aws:PrincipalArn':'arn:aws:iam:::user/*'}`): true,
		when(`'StringEquals':{'aws:userid':'${aws:username}'}`):          true,
		when(`'StringNotEquals':{'aws:username':'alt'}`):                 true,
		when(`'ForAllValues:StringEquals':{'aws:username':'alt'}`):       true,
		when(`'ForAnyValue:StringEquals':{'aws:username':'alt'}`):        false,
		when(`'Null':{'aws:username':'false'}`):                          true,
		when(`'StringEquals':{'aws:Referer':'x'}`):                       true,
		when(`'StringEquals':{'aws:Referer':'x','aws:SourceVpc':'v'}`):   false,
	} {
		if got := policyOf(t, statement).Public(); got != want {
			t.Errorf("%s: %v", statement, got)
		}
	}
	if !policyOf(t, strings.Replace(all, `'*'`, `{'AWS':'alt'}`, 1), all).Public() || (*Policy)(nil).Public() {
		t.Error("of several statements, or none")
	}
}

func TestPrincipals(t *testing.T) {
	for principal, want := range map[string]string{ // who of main, alt, third and anonymous
		`'*'`:                                   "main alt third anonymous",
		`{'AWS':'*'}`:                           "main alt third anonymous",
		`{'CanonicalUser':'*'}`:                 "main alt third anonymous",
		`{'AWS':'AKALT'}`:                       "alt",
		`{'AWS':'alt'}`:                         "alt",
		`{'AWS':['alt','AKTHIRD']}`:             "alt third",
		`{'AWS':'arn:aws:iam:::user/alt'}`:      "alt",
		`{'AWS':'arn:aws:iam::x:user/p/q/alt'}`: "alt",
		`{'AWS':'arn:aws:iam::x:user/AKTHIRD'}`: "third",
		`{'AWS':'arn:aws:iam::AKALT:root'}`:     "alt",
		`{'AWS':'arn:aws:iam::alt:root'}`:       "",
		`{'AWS':'arn:aws:iam::AKALT:role/alt'}`: "",
		`{'CanonicalUser':'AKALT'}`:             "alt",
		`{'CanonicalUser':'alt'}`:               "",
		`{'Service':'alt','Federated':'*'}`:     "",
		`{'AWS':'ALT'}`:                         "",
	} {
		rules := &BucketRules{Owner: "o", Policy: policyOf(t, `'Effect':'Allow','Principal':`+principal+`,'Action':'s3:ListBucket','Resource':'*'`)}
		inverse := &BucketRules{Owner: "o", Policy: policyOf(t, `'Effect':'Allow','Principal':'*','Action':'s3:ListBucket','Resource':'*'`,
			`'Effect':'Deny','NotPrincipal':`+principal+`,'Action':'s3:ListBucket','Resource':'*'`)}
		var got, spared []string
		for _, who := range []*Identity{owner, other, third, anonymous} {
			name := "anonymous"
			if who != nil {
				name = strings.ToLower(strings.TrimPrefix(who.ID, "AK"))
			}
			if Decide(&Access{Who: who, Action: "s3:ListBucket", Bucket: "b", Rules: rules}) == Allow {
				got = append(got, name)
			}
			if Decide(&Access{Who: who, Action: "s3:ListBucket", Bucket: "b", Rules: inverse}) == Allow {
				spared = append(spared, name)
			}
		}
		if strings.Join(got, " ") != want || strings.Join(spared, " ") != want {
			t.Errorf("%s is %v, its opposite spares %v", principal, got, spared)
		}
	}
}

// TestDocumentedPolicies: what the guide shows can be used.
func TestDocumentedPolicies(t *testing.T) {
	guide, err := os.ReadFile("../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, user, found := strings.Cut(string(guide), "```json\n")
	user, _, _ = strings.Cut(user, "```")
	if _, err := ParseUserPolicy([]byte(user)); !found || err != nil {
		t.Errorf("the user's policy: %v", err)
	}
	_, bucket, found := strings.Cut(string(guide), "--policy '")
	bucket, _, _ = strings.Cut(bucket, "'\n")
	p, err := ParsePolicy([]byte(bucket))
	if !found || err != nil {
		t.Fatalf("the bucket's policy: %v", err)
	}
	if err := p.CheckBucket("photos"); err != nil || !p.Public() {
		t.Errorf("the bucket's policy: %v, public: %v", err, p.Public())
	}
}

// TestShared checks that what statements have in common is told from what only
// looks alike.
func TestShared(t *testing.T) {
	p := userPolicyOf(t,
		`'Effect':'Allow','Action':'s3:GetObject','NotResource':'arn:aws:s3:::b/x','Condition':{'StringEquals':{'aws:UserAgent':['a','b']}}`,
		`'Effect':'Allow','Action':'s3:GetObject','Resource':'arn:aws:s3:::b/x','Condition':{'StringEquals':{'aws:UserAgent':'a,b'}}`,
		`'Effect':'Allow','Action':'s3:GetObject','Resource':'arn:aws:s3:::b/x','Condition':{'StringNotEquals':{'aws:UserAgent':['a','b']},'Null':{'aws:Referer':'false'}}`,
		`'Effect':'Deny','Action':'s3:GetObject','Resource':'arn:aws:s3:::b/x','Condition':{'StringEquals':{'aws:Referer':'no'}}`,
		`'Effect':'Allow','Action':'s3:GetObject','Resource':['arn:aws:s3:::b/y','arn:aws:s3:::b/${aws:UserAgent}/*'],'Condition':{'StringEquals':{'aws:UserAgent':['c']}}`,
	)
	who := &Identity{ID: "u", Policies: []*Policy{p}}
	for _, c := range []struct {
		key, agent, referer string
		want                Verdict
	}{
		{"other", "a", "", Allow}, {"x", "a", "", Deny}, {"x", "a,b", "", Allow}, {"x", "c", "", Deny},
		{"x", "c", "r", Allow}, {"x", "c", "no", Deny}, {"x", "a", "r", Deny}, {"other", "a", "no", Allow},
		{"c/k", "c", "", Allow}, {"d/k", "c", "", Deny}, {"y", "c", "", Allow}, {"y", "d", "", Deny},
	} {
		values := []string{"aws:useragent", c.agent}
		if c.referer != "" {
			values = append(values, "aws:referer", c.referer)
		}
		a := Access{Who: who, Action: "s3:GetObject", Bucket: "b", Key: c.key, Rules: &BucketRules{Owner: "o"},
			Object: &ObjectRules{Exists: true, Owner: "o"}, Context: contextOf(values...)}
		if got := Decide(&a); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
