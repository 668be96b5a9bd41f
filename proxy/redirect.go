package proxy

import (
	"strings"
)

// RedirectMode is the cluster's setting of when object requests are redirected.
type RedirectMode string

// The redirect modes.
const (
	RedirectAuto   RedirectMode = "auto"   // where it is free for the client that asks
	RedirectAlways RedirectMode = "always" // every object request
	RedirectNever  RedirectMode = "never"  // targets cannot be reached by clients
)

// asker is what a redirect decision is made from: who asks, and how.
type asker struct {
	method    string
	userAgent string
	expect    bool // the body was announced with Expect: 100-continue
	body      bool // the request has a body
	follow    bool // the client says that it follows: X-Ais-Redirect: follow
	retry     bool // an SDK tries again: the node that it was sent to may be dead
	page      bool // a browser sends it for a page of another origin: it has an Origin
}

// followers are the clients that follow a 307 to a request without a body by
// themselves, by the stable beginning of their User-Agent. curl is not among
// them: it follows with -L only, which a server cannot see.
var followers = [...]string{
	"aws-sdk-go-v2/", "rclone/", "s3fs/", "aws-sdk-cpp/", "Mozilla/", "Wget/", "Go-http-client/", "python-requests/",
}

// retries reports whether an SDK's header amz-sdk-request, such as "attempt=2; max=3",
// is of a second try or later.
func retries(header string) bool {
	_, rest, _ := strings.Cut(header, "attempt=")
	attempt, _, _ := strings.Cut(rest, ";")
	return attempt != "" && attempt != "1"
}

// redirects decides whether an object request is answered with a 307 to the
// owner, or relayed. In auto mode a 307 goes only to clients that are known to
// follow it, and never to a body that was not announced with Expect: the client
// would be cut off while it sends. What is tried again is relayed, for this node finds
// another copy where a target does not answer. HEAD is always relayed (s3cmd takes only the
// host name of a Location). What a browser sends for a page is relayed too: after
// a redirect to another origin it says "Origin: null" (Fetch, HTTP-redirect fetch),
// which no CORS rule allows.
func redirects(mode RedirectMode, a asker) bool {
	switch mode {
	case RedirectNever:
		return false
	case RedirectAlways:
		return true
	}
	if a.page || a.retry || a.body && !a.expect {
		return false
	}
	if a.follow {
		return true
	}
	switch a.method {
	case "GET":
		for _, prefix := range followers {
			if strings.HasPrefix(a.userAgent, prefix) {
				return true
			}
		}
	case "PUT":
		return a.body && strings.HasPrefix(a.userAgent, "s3fs/")
	}
	return false
}
