package access

import (
	"crypto/rand"
	"regexp"
	"strconv"
	"time"

	"ais/auth"
	"ais/cluster"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// Bounds of a session's life (STS: AssumeRole, GetSessionToken).
const (
	minSession     = 15 * time.Minute
	defaultRole    = time.Hour
	maxRole        = 12 * time.Hour
	defaultSession = 12 * time.Hour
	maxSession     = 36 * time.Hour
)

// sessionName is what RoleSessionName may be.
var sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// Errors of the Security Token Service.
func stsError(code, message string) *s3api.Error {
	return &s3api.Error{Code: code, Status: fasthttp.StatusBadRequest, Message: message}
}

// MakeSession answers AssumeRole and GetSessionToken: credentials of the user who
// signed, for a time, bounded by the policy in the request where there is one.
// There are no roles: RoleArn has to be there, as clients send it, and may be
// anything. The errors are STS's.
func (c *Control) MakeSession(ctx *fasthttp.RequestCtx) (*s3api.SessionAnswer, error) {
	answer, err := c.makeSession(ctx)
	if err != nil {
		return nil, c.refused(err)
	}
	return answer, nil
}

func (c *Control) makeSession(ctx *fasthttp.RequestCtx) (*s3api.SessionAnswer, error) {
	signed, err := c.verifier.AuthenticateHTTP(ctx, "sts")
	if err != nil {
		return nil, err
	}
	if signed.AccessKey == "" {
		return nil, &s3api.Error{Code: "MissingAuthenticationToken", Status: fasthttp.StatusForbidden, Message: "Request is missing Authentication Token"}
	}
	if signed.Token != "" {
		return nil, s3api.AccessDenied.Say("A session cannot make sessions")
	}
	u, err := c.userByKey(signed.AccessKey)
	if err != nil {
		return nil, err
	}
	form := ctx.PostArgs()
	answer := &s3api.SessionAnswer{Action: string(form.Peek("Action"))}
	life, policy := time.Duration(0), ""
	switch {
	case string(form.Peek("Version")) != s3api.STSVersion:
		return nil, stsError("InvalidAction", "The API version is not "+s3api.STSVersion)
	case answer.Action == "GetSessionToken":
		life, err = sessionLife(form, defaultSession, maxSession)
	case answer.Action == "AssumeRole":
		name := string(form.Peek("RoleSessionName"))
		switch {
		case !sessionName.MatchString(name):
			return nil, stsError("ValidationError", "RoleSessionName has 2 to 64 letters, digits and _+=,.@-")
		case len(form.Peek("RoleArn")) == 0:
			return nil, stsError("ValidationError", "RoleArn is missing")
		case form.Has("PolicyArns.member.1.arn"):
			return nil, stsError("ValidationError", "PolicyArns are not supported: give the Policy itself")
		}
		policy = string(form.Peek("Policy"))
		answer.UserARN, answer.UserID = "arn:aws:sts:::assumed-role/"+u.Name+"/"+name, u.ID+":"+name
		life, err = sessionLife(form, defaultRole, maxRole)
	default:
		return nil, stsError("InvalidAction", "Could not find operation "+answer.Action+" for version "+s3api.STSVersion)
	}
	if err != nil {
		return nil, err
	}
	if policy != "" {
		if err := checkSessionPolicy(policy); err != nil {
			return nil, policyError(err)
		}
	}
	answer.Credentials, err = c.newSession(u, signed.AccessKey, life, policy)
	return answer, err
}

func policyError(err error) error {
	if _, ok := err.(auth.PolicyError); ok {
		return stsError("MalformedPolicyDocument", err.Error())
	}
	return stsError("MalformedPolicyDocument", "The policy cannot be read")
}

// sessionLife reads DurationSeconds.
func sessionLife(form *fasthttp.Args, usual, most time.Duration) (time.Duration, error) {
	text := string(form.Peek("DurationSeconds"))
	if text == "" {
		return usual, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 32)
	life := time.Duration(seconds) * time.Second
	if err != nil || life < minSession || life > most {
		return 0, stsError("ValidationError", "DurationSeconds is 900 to "+strconv.Itoa(int(most/time.Second)))
	}
	return life, nil
}

// newSession makes a session of the user who signed with parent. The policy, ""
// for none, is valid.
func (c *Control) newSession(u *cluster.User, parent string, life time.Duration, policy string) (s3api.SessionCredentials, error) {
	made := s3api.SessionCredentials{
		AccessKey: "AISS" + rand.Text()[:16], Secret: rand.Text() + rand.Text()[:14],
		Expires: c.cfg.Now().Add(life).UTC().Truncate(time.Second),
	}
	var err error
	made.Token, err = c.seal(sessionPurpose, session{
		AccessKey: made.AccessKey, Secret: made.Secret, User: u.ID, Parent: parent, Expires: made.Expires.Unix(), Policy: policy,
	})
	return made, err
}
