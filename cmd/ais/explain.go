package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"strings"
	"syscall"

	"ais/api"
	"ais/object"
)

// explain returns what an error says to a person, and what to do next.
func explain(err error, a *app) (text, hint string) {
	var answer *api.ErrorMessage
	var local *object.Error
	var path *fs.PathError
	var unreachable *url.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted; nothing half-written is left", ""
	case errors.Is(err, syscall.ENOSPC):
		return err.Error(), "The local disk is full; nothing is left under the final name."
	case errors.As(err, &answer):
		return answer.Message, answerHint(answer)
	case errors.As(err, &unreachable):
		return explainUnreachable(unreachable, a)
	case errors.As(err, &path):
		return path.Path + ": " + path.Err.Error(), ""
	case errors.As(err, &local):
		return localText(local), kindHint(local.Kind)
	}
	return err.Error(), ""
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
	return kindHint(m.Kind())
}

func kindHint(k object.Kind) string {
	switch k {
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

	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var verify *tls.CertificateVerificationError
	var dns *net.DNSError
	var record tls.RecordHeaderError
	switch msg := err.Err.Error(); {
	case errors.As(err, &unknown):
		return text + ": its certificate is signed by an authority that is not known here", "Name the authority's file with --ca-file, or accept any certificate with --skip-verify."
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return text + ": its certificate has expired", "Renew it, or accept any certificate with --skip-verify."
	case errors.As(err, &host), errors.As(err, &verify):
		return text + ": " + msg, "Use the name that the certificate is for, or --skip-verify."
	case errors.As(err, &record):
		return text + ": it speaks plain HTTP", "Use http:// in the endpoint."
	case strings.Contains(msg, "malformed HTTP response"):
		return text + ": it does not speak plain HTTP", "Use https:// in the endpoint."
	case errors.As(err, &dns):
		return text + ": no such host " + dns.Name, hint
	case errors.Is(err, syscall.ECONNREFUSED):
		return text + ": connection refused", hint
	case err.Timeout():
		return text + ": no answer in time", hint
	default:
		return text + ": " + msg, hint
	}
}
