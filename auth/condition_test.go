package auth

import (
	"strings"
	"testing"
)

// TestConditions evaluates each operator over values of a request.
func TestConditions(t *testing.T) {
	const key = "aws:x"
	for _, test := range []struct {
		operator, values string // of the policy; values is JSON with 'single' quotes
		holds            string // for these of the request, split by "|"; "-" is an absent key, "," splits several values
		fails            string
	}{
		{"StringEquals", `'abc'`, "abc", "ABC|abcd||-|a*c"},
		{"StringEquals", `['abc','x*']`, "abc|x*|zzz,abc", "xy|-"},
		{"StringNotEquals", `['abc','d']`, "ABC||-|x,y", "abc|d|x,d"},
		{"StringEqualsIgnoreCase", `'aBcÉ'`, "AbCé|abcÉ", "abce|-"},
		{"StringNotEqualsIgnoreCase", `'aBc'`, "x|-", "AbC"},
		{"StringLike", `'a*c?'`, "acd|abbcé|accc", "ac|abd|Acd|-"},
		{"StringLike", `['x','*']`, "|anything", "-"},
		{"StringNotLike", `'a*'`, "b|-", "a|abc"},
		{"StringLikeIfExists", `'http://www.example.com/*'`, "http://www.example.com/|http://www.example.com/a|-", "http://example.com"},
		{"StringEqualsIfExists", `'a'`, "a|-", "b"},
		{"StringNotEqualsIfExists", `'a'`, "b|-", "a"},
		{"NumericEquals", `10`, "10|10.0|1e1", "11|ten||-"},
		{"NumericEquals", `['1',2]`, "1|2", "3"},
		{"NumericNotEquals", `10`, "11|ten|-", "10"},
		{"NumericLessThan", `'10'`, "9.9|-5", "10|11|x|-"},
		{"NumericLessThanEquals", `10`, "10|3", "10.5|NaN|-"},
		{"NumericGreaterThan", `10`, "11", "10|9|-"},
		{"NumericGreaterThanEquals", `10`, "10|11", "9|-"},
		{"NumericLessThanIfExists", `10`, "5|-", "10"},
		{"DateEquals", `'2026-11-22T12:00:00Z'`, "2026-11-22T12:00:00Z|2026-11-22T14:00:00+02:00|1795348800|2026-11-22T12:00:00.000Z", "2026-11-22|x|-"},
		{"DateNotEquals", `'2026-11-22'`, "2026-11-23|-", "2026-11-22T00:00:00Z"},
		{"DateLessThan", `'2026-11-22T12:00:00Z'`, "2026-11-22T11:59:59Z|2025-01", "2026-11-22T12:00:00Z|-"},
		{"DateLessThanEquals", `1795348800`, "2026-11-22T12:00:00Z|20261122T115959Z", "2026-11-22T12:00:01Z"},
		{"DateGreaterThan", `'2026-11-22T12:00Z'`, "2026-11-22T12:00:01Z", "2026-11-22T12:00:00Z|-"},
		{"DateGreaterThanEquals", `'2026-11-22T12:00:00Z'`, "2026-11-22T12:00:00Z", "2026-11-22T11:59:59Z"},
		{"Bool", `'true'`, "true|TRUE", "false|1|-"},
		{"Bool", `false`, "false", "true|-"},
		{"BoolIfExists", `false`, "false|-", "true"},
		{"BinaryEquals", `'AQID'`, "AQID", "AQIE|?|-"},
		{"IpAddress", `'10.1.0.0/16'`, "10.1.2.3|::ffff:10.1.2.3|10.2.0.1,10.1.0.1", "10.2.0.1|::1|x||-"},
		{"IpAddress", `['192.168.0.7','2001:db8::/32']`, "192.168.0.7|2001:db8::1|2001:db8::1%eth0", "192.168.0.8|2001:db9::1"},
		{"IpAddress", `'10.1.2.3/8'`, "10.9.9.9", "11.0.0.1"},
		{"IpAddress", `'::ffff:10.1.0.0/112'`, "10.1.2.3", "10.2.0.1"},
		{"NotIpAddress", `'10.0.0.0/8'`, "11.0.0.1|::1|-", "10.1.1.1"},
		{"ArnEquals", `'arn:aws:iam::*:user/a*'`, "arn:aws:iam::1:user/alt|arn:aws:iam:::user/a", "arn:aws:iam::1:user/b|arn:aws:sts::1:user/a|x|-"},
		{"ArnLike", `'arn:aws:s3:::b'`, "arn:aws:s3:::b", "arn:aws:s3:x::b|arn:aws:s3:::bb"},
		{"ArnLike", `'*'`, "arn:aws:s3:::b", "b"},
		{"ArnNotEquals", `'arn:aws:s3:::b'`, "arn:aws:s3:::c|x|-", "arn:aws:s3:::b"},
		{"ArnNotLike", `'arn:aws:s3:::b*'`, "arn:aws:s3:::c|-", "arn:aws:s3:::bb"},
		{"Null", `'true'`, "-", "x|"},
		{"Null", `false`, "x|", "-"},
		{"ForAnyValue:StringEquals", `['a','b']`, "a|x,b", "x|x,y|-"},
		{"ForAnyValue:StringNotEquals", `['a','b']`, "x|a,x", "a|a,b|-"},
		{"ForAnyValue:StringEqualsIfExists", `'a'`, "a|-", "x"},
		{"ForAllValues:StringEquals", `['a','b']`, "a|b,a|-", "x|a,x"},
		{"ForAllValues:StringNotEquals", `['a','b']`, "x|x,y|-", "a|a,x"},
		{"ForAllValues:StringLike", `'a*'`, "a,ab|-", "a,b"},
		{"ForAnyValue:IpAddress", `'10.0.0.0/8'`, "1.1.1.1,10.0.0.1", "1.1.1.1|-"},
	} {
		if test.holds == "" && test.operator != "ArnLike" {
			t.Fatalf("%s %s holds for nothing", test.operator, test.values)
		}
		rules := &BucketRules{Owner: "o", Policy: policyOf(t, `'Effect':'Allow','Principal':'*','Action':'s3:ListBucket','Resource':'*',`+
			`'Condition':{'`+test.operator+`':{'AWS:X':`+test.values+`}}`)}
		check := func(request string, want Verdict) {
			a := &Access{Action: "s3:ListBucket", Bucket: "b", Rules: rules, Context: func(k string) ([]string, bool) {
				if k != key {
					t.Errorf("asked for %q", k)
				}
				return strings.Split(request, ","), request != "-"
			}}
			if got := Decide(a); got != want {
				t.Errorf("%s %s and %q: %v", test.operator, test.values, request, got)
			}
		}
		for request := range strings.SplitSeq(test.holds, "|") {
			if test.holds != "" {
				check(request, Allow)
			}
		}
		for request := range strings.SplitSeq(test.fails, "|") {
			check(request, Deny)
		}
	}
}

// TestConditionsAllHold: of several operators and keys each must hold.
func TestConditionsAllHold(t *testing.T) {
	rules := &BucketRules{Owner: "o", Policy: policyOf(t, `'Effect':'Allow','Principal':'*','Action':'s3:ListBucket','Resource':'*',`+
		`'Condition':{'StringEquals':{'aws:a':'1','aws:b':['2','3']},'Bool':{'aws:c':true}}`)}
	for _, test := range []struct {
		a, b, c string
		want    Verdict
	}{{"1", "2", "true", Allow}, {"1", "3", "true", Allow}, {"0", "2", "true", Deny}, {"1", "4", "true", Deny}, {"1", "2", "false", Deny}} {
		a := &Access{Action: "s3:ListBucket", Bucket: "b", Rules: rules, Context: contextOf("aws:a", test.a, "aws:b", test.b, "aws:c", test.c)}
		if got := Decide(a); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
	if got := Decide(&Access{Action: "s3:ListBucket", Bucket: "b", Rules: rules}); got != Deny {
		t.Errorf("without a context: %v", got)
	}
}

func TestVariables(t *testing.T) {
	named := &Identity{ID: "AKX", Name: "ann"}
	for _, test := range []struct {
		name      string
		statement string // Effect and what follows Action
		who       *Identity
		key       string
		context   []string
		want      Verdict
	}{
		{"home", `'Allow','Resource':'arn:aws:s3:::b/home/${aws:username}/*'`, named, "home/ann/x", nil, Allow},
		{"another's home", `'Allow','Resource':'arn:aws:s3:::b/home/${aws:username}/*'`, named, "home/bob/x", nil, Deny},
		{"by ID", `'Allow','Resource':'arn:aws:s3:::b/${AWS:UserId}'`, named, "AKX", nil, Allow},
		{"nobody has no home", `'Allow','Resource':'arn:aws:s3:::b/home/${aws:username}/*'`, anonymous, "home//x", nil, Deny},
		{"nobody's default", `'Allow','Resource':'arn:aws:s3:::b/${aws:username, 'guest'}'`, anonymous, "guest", nil, Allow},
		{"a default that is not needed", `'Allow','Resource':'arn:aws:s3:::b/${aws:username,'guest'}'`, named, "guest", nil, Deny},
		{"escapes", `'Allow','Resource':'arn:aws:s3:::b/${*}${?}${$}'`, named, "*?$", nil, Allow},
		{"escapes are no wildcards", `'Allow','Resource':'arn:aws:s3:::b/${*}'`, named, "x", nil, Deny},
		{"a value is no pattern", `'Allow','Resource':'arn:aws:s3:::b/${s3:prefix}'`, named, "secret", []string{"s3:prefix", "*"}, Deny},
		{"a value is no pattern, in bytes", `'Allow','Resource':'arn:aws:s3:::b/${s3:prefix}'`, named, "secret", []string{"s3:prefix", "\xff"}, Deny},
		{"a key of two values", `'Allow','Resource':'arn:aws:s3:::b/${s3:prefix}'`, named, "x", []string{"s3:prefix", "x", "s3:prefix", "y"}, Deny},
		{"deny but one's own", `'Deny','NotResource':'arn:aws:s3:::b/${aws:username}'`, named, "ann", nil, Allow},
		{"deny but one's own, another", `'Deny','NotResource':'arn:aws:s3:::b/${aws:username}'`, named, "bob", nil, Deny},
		{"deny but one's own, nobody", `'Deny','NotResource':'arn:aws:s3:::b/${aws:username}'`, anonymous, "ann", nil, Deny},
		{"in a condition", `'Allow','Resource':'*','Condition':{'StringLike':{'aws:a':'${aws:username}/*'}}`, named, "k", []string{"aws:a", "ann/x"}, Allow},
		{"in a condition, another", `'Allow','Resource':'*','Condition':{'StringLike':{'aws:a':'${aws:username}/*'}}`, named, "k", []string{"aws:a", "bob/x"}, Deny},
		{"in a condition, folded", `'Allow','Resource':'*','Condition':{'StringEqualsIgnoreCase':{'aws:a':'X${aws:username}'}}`, named, "k", []string{"aws:a", "xANN"}, Allow},
		{"in a negated condition, nobody, allow", `'Allow','Resource':'*','Condition':{'StringNotEquals':{'aws:a':'${aws:username}'}}`, anonymous, "k", []string{"aws:a", "x"}, Deny},
		{"in a negated condition, nobody, deny", `'Deny','Resource':'*','Condition':{'StringNotEquals':{'aws:a':'${aws:username}'}}`, anonymous, "k", []string{"aws:a", "x"}, Deny},
		{"in an ARN", `'Allow','Resource':'*','Condition':{'ArnEquals':{'aws:PrincipalArn':'arn:aws:iam:::user/${aws:username}'}}`, named, "k", nil, Allow},
		{"of a tag", `'Allow','Resource':'*','Condition':{'StringEquals':{'aws:username':'${s3:RequestObjectTag/Owner}'}}`, named, "k", []string{"s3:requestobjecttag/Owner", "ann"}, Allow},
		{"of a tag in another case", `'Allow','Resource':'*','Condition':{'StringEquals':{'aws:username':'${s3:RequestObjectTag/Owner}'}}`, named, "k", []string{"s3:requestobjecttag/owner", "ann"}, Deny},
	} {
		statements := []string{`'Principal':'*','Action':'s3:PutObject','Effect':` + test.statement}
		if strings.HasPrefix(test.statement, "'Deny'") {
			statements = append(statements, allowAll)
		}
		// The statement's own quotes are single ones, too.
		for i := range statements {
			statements[i] = strings.ReplaceAll(statements[i], "'guest'", `\u0027guest\u0027`)
		}
		a := &Access{Who: test.who, Action: "s3:PutObject", Bucket: "b", Key: test.key,
			Rules: &BucketRules{Owner: "o", Policy: policyOf(t, statements...)}, Context: contextOf(test.context...)}
		if got := Decide(a); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	// In a policy without the Version of 2012 a variable is text like any other.
	p, err := ParsePolicy([]byte(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/${aws:username}"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]Verdict{"ann": Deny, "${aws:username}": Allow} {
		if got := Decide(&Access{Who: named, Action: "s3:PutObject", Bucket: "b", Key: key, Rules: &BucketRules{Owner: "o", Policy: p}}); got != want {
			t.Errorf("2008, %s: %v", key, got)
		}
	}
}

// TestIdentityKeys: what is said of who asks cannot be said by the request.
func TestIdentityKeys(t *testing.T) {
	for key, want := range map[string][2]string{ // of a user, of nobody; "" is absent
		"aws:username":              {"alt", ""},
		"aws:userid":                {"AKALT", "anonymous"},
		"aws:PrincipalArn":          {"arn:aws:iam:::user/alt", ""},
		"aws:PrincipalAccount":      {"AKALT", ""},
		"aws:PrincipalType":         {"User", "Anonymous"},
		"aws:PrincipalIsAWSService": {"false", "false"},
		"s3:ResourceAccount":        {"o", "o"},
		"aws:ResourceAccount":       {"o", "o"},
	} {
		for i, who := range []*Identity{other, anonymous} {
			condition := `'StringEquals':{'` + key + `':'` + want[i] + `'}`
			if want[i] == "" {
				condition = `'Null':{'` + key + `':'true'}`
			}
			rules := &BucketRules{Owner: "o", Policy: policyOf(t, `'Effect':'Allow','Principal':'*','Action':'s3:ListBucket','Resource':'*','Condition':{`+condition+`}`)}
			a := &Access{Who: who, Action: "s3:ListBucket", Bucket: "b", Rules: rules, Context: func(string) ([]string, bool) { return []string{"forged"}, true }}
			if got := Decide(a); got != Allow {
				t.Errorf("%s of %s: %v", key, who.ARN(), got)
			}
		}
	}
}

// TestContextIsAskedOnce: the keys of a request may be dear to compute.
func TestContextIsAskedOnce(t *testing.T) {
	var statements []string
	for range 20 {
		statements = append(statements, `'Effect':'Allow','Principal':'*','Action':'s3:ListBucket','Resource':'*','Condition':{'StringEquals':{'aws:a':'1'},'IpAddress':{'aws:SourceIp':'10.0.0.1'}}`)
	}
	asked := map[string]int{}
	Decide(&Access{Action: "s3:ListBucket", Bucket: "b", Rules: &BucketRules{Policy: policyOf(t, statements...)}, Context: func(key string) ([]string, bool) {
		asked[key]++
		return []string{"1"}, true
	}})
	if len(asked) != 2 || asked["aws:a"] != 1 || asked["aws:sourceip"] != 1 {
		t.Error(asked)
	}
}
