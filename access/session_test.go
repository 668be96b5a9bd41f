package access

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"ais/auth"
	"ais/cluster"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// assume asks for a session as STS clients do.
func (n *node) assume(who s3api.Credentials, form ...string) (*s3api.SessionAnswer, error) {
	values := url.Values{"Version": {s3api.STSVersion}}
	for i := 0; i < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	return n.MakeSession(n.request(who, "sts", "POST", "/", values.Encode(), "Content-Type", "application/x-www-form-urlencoded; charset=utf-8"))
}

func sessionOf(a *s3api.SessionAnswer) s3api.Credentials {
	return s3api.Credentials{AccessKey: a.Credentials.AccessKey, Secret: a.Credentials.Secret, Token: a.Credentials.Token}
}

const onlyReads = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::hers/*"}]}`

func TestSessions(t *testing.T) {
	n := newNode(t, cluster.Contents{Users: people()})
	b := hers()
	full, err := n.assume(alice, "Action", "GetSessionToken")
	if err != nil {
		t.Fatal(err)
	}
	bounded, err := n.assume(alice, "Action", "AssumeRole", "RoleArn", "arn:aws:iam:::role/any", "RoleSessionName", "test", "Policy", onlyReads, "DurationSeconds", "900")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(who s3api.Credentials, method string) (string, auth.Ticket) {
		return n.decide(t, &b, n.request(who, "s3", method, "/hers/key", ""))
	}
	if code, ticket := ask(sessionOf(full), "PUT"); code != "" || ticket.Principal != "ALICE" || ticket.Session != "" {
		t.Errorf("a full session: %q, %+v", code, ticket)
	}
	if code, _ := ask(sessionOf(bounded), "PUT"); code != "AccessDenied" {
		t.Errorf("a session that may only read writes: %q", code)
	}
	code, ticket := ask(sessionOf(bounded), "GET")
	if code != "" || ticket.Session != onlyReads {
		t.Errorf("a session that may read: %q, %+v", code, ticket)
	}
	// The bound goes with the ticket.
	ctx := n.request(s3api.Credentials{}, "s3", "PUT", "/hers/key", "")
	if err := n.Accept(ctx, ticket, false); err != nil || n.DecideHTTP(ctx, "s3:PutObject", &b, "key", nil) != auth.Deny {
		t.Errorf("a bounded session is not where the ticket leads: %v", err)
	}

	stolen := sessionOf(full)
	stolen.AccessKey = bounded.Credentials.AccessKey
	other := sessionOf(full)
	other.Token = other.Token[:len(other.Token)-8]
	noToken := sessionOf(full)
	noToken.Token = ""
	bearerText, _, _, err := n.Login(n.request(s3api.Credentials{}, "", "POST", "/v1/auth/login", ""), "ALICE", aliceSecret, 0)
	if err != nil {
		t.Fatal(err)
	}
	misused := sessionOf(full)
	misused.Token = bearerText
	for name, test := range map[string]struct {
		who  s3api.Credentials
		code string
	}{
		"another's token": {stolen, "InvalidToken"},
		"a cut token":     {other, "InvalidToken"},
		"no token":        {noToken, "InvalidAccessKeyId"},
		"a bearer token":  {misused, "InvalidToken"},
	} {
		if code, _ := ask(test.who, "GET"); code != test.code {
			t.Errorf("%s: %q", name, code)
		}
	}
	n.now = n.now.Add(15 * time.Minute)
	if code, _ := ask(sessionOf(bounded), "GET"); code != "ExpiredToken" {
		t.Errorf("after its end: %q", code)
	}
	// The session ends with the key that asked for it.
	without := people()[0]
	without.Keys = without.Keys[1:]
	n.state = n.state.Apply(2, cluster.UserSet{User: without})
	if code, _ := ask(sessionOf(full), "GET"); code != "InvalidAccessKeyId" {
		t.Errorf("without its parent: %q", code)
	}
	for _, secret := range []string{full.Credentials.Secret, full.Credentials.Token, bearerText} {
		if strings.Contains(n.log.String(), secret) {
			t.Error("a secret was logged")
		}
	}
}

func TestSessionErrors(t *testing.T) {
	n := newNode(t, cluster.Contents{Users: people()})
	full, err := n.assume(alice, "Action", "GetSessionToken")
	if err != nil {
		t.Fatal(err)
	}
	role := func(more ...string) []string {
		return append([]string{"Action", "AssumeRole", "RoleArn", "arn:aws:iam:::role/any", "RoleSessionName", "test"}, more...)
	}
	for name, test := range map[string]struct {
		who  s3api.Credentials
		form []string
		code string
	}{
		"nobody":          {s3api.Credentials{}, role(), "MissingAuthenticationToken"},
		"wrong secret":    {s3api.Credentials{AccessKey: "ALICE", Secret: bobSecret}, role(), "SignatureDoesNotMatch"},
		"from a session":  {sessionOf(full), role(), "AccessDenied"},
		"no action":       {alice, nil, "InvalidAction"},
		"another action":  {alice, []string{"Action", "GetCallerIdentity"}, "InvalidAction"},
		"another version": {alice, role("Version", "2000-01-01"), "InvalidAction"},
		"no session name": {alice, []string{"Action", "AssumeRole", "RoleArn", "x"}, "ValidationError"},
		"no role":         {alice, []string{"Action", "AssumeRole", "RoleSessionName", "test"}, "ValidationError"},
		"too short":       {alice, role("DurationSeconds", "899"), "ValidationError"},
		"too long":        {alice, role("DurationSeconds", "43201"), "ValidationError"},
		"no number":       {alice, role("DurationSeconds", "1h"), "ValidationError"},
		"no policy":       {alice, role("Policy", "{"), "MalformedPolicyDocument"},
		"long policy":     {alice, role("Policy", onlyReads+strings.Repeat(" ", maxSessionPolicy)), "MalformedPolicyDocument"},
	} {
		if _, err := n.assume(test.who, test.form...); err == nil || s3api.FromError(err).Code != test.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBearer(t *testing.T) {
	n := newNode(t, cluster.Contents{Users: people()})
	identify := func(token string) (*auth.Identity, error) {
		return n.IdentifyHTTP(n.request(s3api.Credentials{}, "", "GET", "/v1/auth/users", "", "Authorization", "Bearer "+token))
	}
	plain := func() *fasthttp.RequestCtx { return n.request(s3api.Credentials{}, "", "POST", "/v1/auth/login", "") }
	text, user, expires, err := n.Login(plain(), "ALICE", aliceSecret, time.Hour)
	if err != nil || user != "ALICE" || !expires.Equal(n.now.Add(time.Hour)) {
		t.Fatalf("%s, %v, %v", user, expires, err)
	}
	if who, err := identify(text); err != nil || who.ID != "ALICE" {
		t.Errorf("%+v, %v", who, err)
	}
	if text, _, _, err := n.Login(n.request(bob, "ais", "POST", "/v1/auth/login", "{}"), "", "", 0); err != nil {
		t.Error(err)
	} else if who, err := identify(text); err != nil || who.ID != "BOB" {
		t.Errorf("by a signature: %+v, %v", who, err)
	}
	for name, login := range map[string]func() error{
		"wrong secret": func() error { _, _, _, err := n.Login(plain(), "ALICE", bobSecret, 0); return err },
		"no user":      func() error { _, _, _, err := n.Login(plain(), "MALLORY", bobSecret, 0); return err },
		"disabled":     func() error { _, _, _, err := n.Login(plain(), "CAROL", bobSecret, 0); return err },
		"nothing":      func() error { _, _, _, err := n.Login(plain(), "", "", 0); return err },
	} {
		if err := login(); !errors.Is(err, object.Denied) || strings.Contains(err.Error(), bobSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, _, err := n.Login(plain(), "ALICE", aliceSecret, MaxToken+1); !errors.Is(err, object.Invalid) {
		t.Errorf("a token for too long: %v", err)
	}
	if _, err := identify(text[1:]); !errors.Is(err, object.Denied) {
		t.Errorf("a damaged token: %v", err)
	}
	off := people()[0]
	off.Disabled = true
	on := n.state
	n.state = n.state.Apply(2, cluster.UserSet{User: off})
	if _, err := identify(text); !errors.Is(err, object.Denied) {
		t.Errorf("the token of a disabled user: %v", err)
	}
	n.state, n.now = on, n.now.Add(time.Hour)
	if _, err := identify(text); !errors.Is(err, object.Denied) {
		t.Errorf("after its end: %v", err)
	}
	if who, err := n.IdentifyHTTP(n.request(s3api.Credentials{}, "", "GET", "/v1/buckets", "")); err != nil || !who.Anonymous() {
		t.Errorf("without credentials: %+v, %v", who, err)
	}
}
