package signed

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"ais/backend"
	"ais/object"
)

// Form is how an S3 URL names a bucket.
type Form string

// The forms, by the words of the setting.
const (
	HostForm   Form = "host"   // https://BUCKET.s3.REGION.amazonaws.com/KEY, or BUCKET.HOST of the endpoint
	PathForm   Form = "path"   // https://s3.REGION.amazonaws.com/BUCKET/KEY, or at the endpoint
	LegacyForm Form = "legacy" // https://BUCKET.s3.amazonaws.com/KEY, https://s3.amazonaws.com/BUCKET/KEY
)

// address is one place where a request may have been meant to go.
type address struct {
	scheme string
	dial   string // host[:port] to connect to
	host   string // of the Host header, which is signed
	path   string // before the key: "/" or "/bucket/", below the endpoint's own
	guess  bool   // the bucket is in the host of an endpoint that may not know such names
}

// addresses lists where a request that was signed for the region may have been
// meant to go, in the order of forms: nothing but Amazon's hosts of the region
// where c names no endpoint, nothing but the endpoint's host where it does. The
// error is of kind Invalid.
func addresses(c backend.Config, forms []Form, region string) ([]address, error) {
	if err := object.CheckBucketName(c.Bucket); err != nil {
		return nil, err
	}
	if c.Endpoint != "" {
		return atEndpoint(c, forms)
	}
	if region == "" {
		region = c.Region
	}
	if region != "" && !isRegion(region) {
		return nil, object.E("signed.addresses", c.Bucket, object.Invalid, errors.New("the region of the signature is no region's name"))
	}
	return atAmazon(c.Bucket, forms, region), nil
}

// atAmazon lists Amazon's addresses (S3 user guide: "Virtual hosting of general
// purpose buckets"). A bucket with dots has no certificate for a host of its own.
func atAmazon(bucket string, forms []Form, region string) (list []address) {
	add := func(host string, inHost bool) {
		a := address{scheme: "https", dial: host, host: host, path: "/" + bucket + "/"}
		if inHost {
			a.host, a.path = bucket+"."+host, "/"
			if !strings.Contains(bucket, ".") {
				a.dial = a.host
			}
		}
		list = append(list, a)
	}
	regional := "s3." + region + domainOf(region)
	for _, form := range forms {
		switch {
		case form == LegacyForm:
			add("s3"+domainOf(region), true)
			add("s3"+domainOf(region), false)
		case region == "":
		case form == HostForm || form == PathForm:
			add(regional, form == HostForm)
		}
	}
	if len(list) == 0 {
		add("s3"+domainOf(region), true)
	}
	return list
}

func domainOf(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return ".amazonaws.com.cn"
	}
	return ".amazonaws.com"
}

// atEndpoint lists the addresses below an endpoint. It is connected to under its
// own name always. Where its buckets are in the path, or nothing is said, that
// form is first: not every server says of the other that the signature is wrong.
func atEndpoint(c backend.Config, forms []Form) (list []address, err error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, object.E("signed.addresses", c.Bucket, object.Invalid, errors.New("the endpoint is no http:// or https:// URL"))
	}
	below := strings.TrimSuffix(u.EscapedPath(), "/") + "/"
	inPath := address{scheme: u.Scheme, dial: u.Host, host: u.Host, path: below + c.Bucket + "/"}
	inHost := address{scheme: u.Scheme, dial: u.Host, host: c.Bucket + "." + u.Host, path: below, guess: c.PathStyle != backend.PathOff}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil || c.PathStyle == backend.PathOn {
		return []address{inPath}, nil
	}
	for _, form := range forms {
		switch form {
		case HostForm:
			list = append(list, inHost)
		case PathForm:
			list = append(list, inPath)
		}
	}
	if len(list) == 0 {
		list = append(list, inPath)
	}
	if c.PathStyle != backend.PathOff {
		slices.SortStableFunc(list, func(a, b address) int { return btoi(a.guess) - btoi(b.guess) })
	}
	return list, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// isRegion reports whether s can be a part of a host's name.
func isRegion(s string) bool {
	if len(s) > 40 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// prefer moves the address with that Host header to the front, if it is there.
func prefer(list []address, host string) {
	host = strings.ToLower(host)
	for i := range list {
		if h := list[i].host; h == host || h+defaultPort(list[i].scheme) == host {
			chosen := list[i]
			copy(list[1:i+1], list[:i])
			list[0] = chosen
			return
		}
	}
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return ":443"
	}
	return ":80"
}

// ParseForms reads the forms out of the setting, which has commas between them.
func ParseForms(setting string) (forms []Form) {
	for word := range strings.SplitSeq(setting, ",") {
		if word = strings.TrimSpace(word); word != "" {
			forms = append(forms, Form(word))
		}
	}
	return forms
}
