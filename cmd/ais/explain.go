package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"ais/api"
	"ais/object"
)

// hintedError is an error that knows better what to do next than its kind does.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }

// explain returns what an error says to a person, and what to do next.
func explain(err error, a *app) (text, hint string) {
	text, hint = explainPlain(err, a)
	var tried *api.TriedError
	if errors.As(err, &tried) {
		text += fmt.Sprintf(" (tried %d times in %s)", tried.Times, tried.Took.Round(100*time.Millisecond))
	}
	var hinted *hintedError
	if errors.As(err, &hinted) {
		hint = hinted.hint
		if errors.Is(err, context.Canceled) {
			text = "interrupted"
		}
	}
	return text, hint
}

func explainPlain(err error, a *app) (text, hint string) {
	var answer *api.ErrorMessage
	var local *object.Error
	var path *fs.PathError
	var unreachable *url.Error
	var none *api.UnreachableError
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted; nothing half-written is left", ""
	case errors.Is(err, syscall.ENOSPC):
		return err.Error(), "The local disk is full; nothing is left under the final name."
	case errors.As(err, &answer) && (strings.Contains(answer.Message, "speaks HTTPS") || strings.Contains(answer.Message, "to an HTTPS server")):
		return "cannot reach AIS at " + a.client.Endpoint() + ": " + plainToTLS, useTLS
	case errors.As(err, &answer):
		return answer.Message, answerHint(answer)
	case errors.As(err, &none):
		return explainAll(none, a)
	case errors.As(err, &unreachable):
		return explainUnreachable(unreachable, a)
	case errors.As(err, &path):
		return path.Path + ": " + path.Err.Error(), ""
	case errors.As(err, &local):
		return localText(local), kindHint(local.Kind)
	}
	return err.Error(), ""
}

// explainAll says why none of several proxies answered.
func explainAll(none *api.UnreachableError, a *app) (text, hint string) {
	const cannot = "cannot reach AIS at "
	texts := make([]string, len(none.Tried))
	for i, err := range none.Tried {
		var one *url.Error
		if texts[i] = err.Error(); errors.As(err, &one) {
			texts[i], hint = explainUnreachable(one, a)
		}
		texts[i] = strings.TrimPrefix(texts[i], cannot)
	}
	return cannot + strings.Join(texts, ", nor at "), hint
}

// localText is what a check on this side found, without the name of the check.
func localText(e *object.Error) string {
	text := e.Kind.Error()
	if e.Err != nil {
		text = e.Err.Error()
	}
	if e.Name != "" {
		text = e.Name + ": " + text
	}
	return text
}

// answerHint says what to do about what the cluster answered.
func answerHint(m *api.ErrorMessage) string {
	if m.Kind() == object.NoSuchBucket {
		if _, rest, ok := strings.Cut(m.Message, `"`); ok {
			uri, _, _ := strings.Cut(rest, `"`)
			if strings.HasPrefix(uri, "ais://") {
				return "'ais ls' lists the buckets, 'ais create " + uri + "' makes this one."
			}
			if strings.HasPrefix(uri, "s3://") {
				return "Nor does the remote store have it, or backend.aws.enabled is off; buckets that S3 clients make here are ais:// buckets ('ais ls' lists all)."
			}
		}
		return "'ais ls' lists the buckets."
	}
	if m.Kind() == object.NotFound && (strings.HasPrefix(m.Message, "there is no node") || strings.HasPrefix(m.Message, "there is no proxy")) {
		return "'ais show cluster smap' lists the nodes."
	}
	return kindHint(m.Kind())
}

func kindHint(k object.Kind) string {
	switch k {
	case object.Conflict:
		return "'ais bucket props show BUCKET' shows it as it is now."
	case object.Denied:
		return "'ais auth --help' says whose name calls are made in."
	case object.NotFound:
		return "'ais ls BUCKET --prefix …' lists what is there."
	case object.Unavailable, object.Busy:
		return "Try again; 'ais show cluster' says which nodes are up."
	case object.NoSpace:
		return "Remove objects or add space; 'ais show cluster' shows the capacity."
	case object.Incomplete:
		return "Try again."
	case object.Internal:
		return "The log of the node has the details."
	}
	return ""
}

// explainUnreachable says why no server answered.
func explainUnreachable(err *url.Error, a *app) (text, hint string) {
	text = "cannot reach AIS at " + a.settings.Endpoint
	if u, perr := url.Parse(err.URL); perr == nil && u.Host != "" {
		text = "cannot reach AIS at " + u.Scheme + "://" + u.Host
	}
	hint = "Is it running, and is this a proxy? Set --endpoint or AIS_ENDPOINT to a proxy's URL ('make play' starts a cluster here)."

	var dns *net.DNSError
	switch msg := err.Err.Error(); {
	case errors.As(err, &dns):
		return text + ": no such host " + dns.Name, hint
	case errors.Is(err, syscall.ECONNREFUSED):
		return text + ": connection refused", hint
	default:
		if why, todo := explainTLS(err.Err); why != "" {
			return text + ": " + why, todo
		}
		if err.Timeout() {
			return text + ": no answer in time", hint
		}
		return text + ": " + msg, hint
	}
}

// What is said where plain HTTP was sent to a port of HTTPS.
const (
	plainToTLS = "it does not speak plain HTTP"
	useTLS     = "Use https:// in --endpoint or AIS_ENDPOINT."
)

// explainTLS says what two sides could not agree about, "" for nothing of TLS.
func explainTLS(err error) (why, todo string) {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	const accept = "accept any certificate with --skip-verify."
	switch msg := err.Error(); {
	case errors.As(err, &unknown):
		return "its certificate is signed by an authority that is not known here", "Name the authority's file with --ca-file, or " + accept
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired, or is not valid yet (" + invalid.Detail + ")", "Renew it, look at the clock, or " + accept
	case errors.As(err, &host):
		return "its certificate is for another name: " + strings.TrimPrefix(msg, "tls: failed to verify certificate: x509: "), "Use a name that the certificate is for in the endpoint, or " + accept
	case errors.As(err, &verify):
		return msg, "Name its authority with --ca-file, or " + accept
	case errors.As(err, &record), strings.Contains(msg, "server gave HTTP response to HTTPS client"):
		return "it speaks plain HTTP", "Use http:// in --endpoint or AIS_ENDPOINT."
	case strings.Contains(msg, "malformed HTTP"):
		return plainToTLS, useTLS
	case strings.Contains(msg, "remote error: tls: ") && strings.Contains(msg, "certificate"):
		return "it asks for a certificate of yours, and does not accept what it got", "Name one that it trusts with --cert, and its key with --key."
	case strings.Contains(msg, "tls: "):
		return msg, "Is this the HTTPS port of a proxy? --endpoint or AIS_ENDPOINT says where to call."
	}
	return "", ""
}
