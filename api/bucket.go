package api

import (
	"errors"
	"strings"

	"ais/object"
)

// Namespace is AIStore's subdivision of a provider. AIS has the global one only.
type Namespace struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
}

// errNamespace is why a bucket is not one of AIS.
var errNamespace = errors.New("there is only the global namespace, @#")

// globalNamespace is how the global namespace is written inside a unique name.
const globalNamespace = "@#"

// Bucket names a bucket.
type Bucket struct {
	Name      string          `json:"name"`
	Provider  object.Provider `json:"provider"`
	Namespace Namespace       `json:"namespace"`
}

// NewBucket returns the bucket of that provider and name.
func NewBucket(provider object.Provider, name string) Bucket {
	return Bucket{Name: name, Provider: provider}
}

// String returns the URI, "ais://name"; that of an aws bucket begins with "s3:".
func (b Bucket) String() string {
	if b.Provider == object.AWS {
		return "s3://" + b.Name
	}
	return string(object.AIS) + "://" + b.Name
}

// Unique returns AIStore's unique name of the bucket, or of an object in it:
// "ais/@#/bucket/object".
func (b Bucket) Unique(key string) string {
	return string(b.Provider) + "/" + globalNamespace + "/" + b.Name + "/" + key
}

// ParseURI reads "provider://bucket/key", where a part may be missing from the
// right: "ais://bucket", "ais://", "ais:". Without a scheme the error is of kind
// Invalid; so is it for an unknown provider or another namespace.
func ParseURI(s string) (b Bucket, key string, err error) {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || strings.Contains(scheme, "/") {
		return Bucket{}, "", object.E("api.ParseURI", s, object.Invalid, errors.New("not a bucket or object; write provider://bucket/object, as in ais://abc/file"))
	}
	rest = strings.TrimPrefix(rest, "//")
	if b.Provider, err = object.ParseProvider(scheme); err != nil {
		return Bucket{}, "", err
	}
	if strings.HasPrefix(rest, "@") || strings.HasPrefix(rest, "#") {
		return Bucket{}, "", object.E("api.ParseURI", s, object.Invalid, errNamespace)
	}
	b.Name, key, _ = strings.Cut(rest, "/")
	return b, key, nil
}

// ParseUnique reads what Unique writes: "ais/@#/bucket/key", of a bucket with or without
// the last slash. The error is of kind Invalid.
func ParseUnique(s string) (b Bucket, key string, err error) {
	fields := strings.SplitN(s, "/", 4)
	if len(fields) < 3 || fields[2] == "" {
		return b, "", object.E("api.ParseUnique", s, object.Invalid, errors.New(`a bucket's unique name is like "ais/@#/abc/"`))
	}
	if b.Provider, err = object.ParseProvider(fields[0]); err != nil {
		return b, "", err
	}
	if err = parseNamespace(fields[1]); err != nil {
		return b, "", err
	}
	if len(fields) == 4 {
		key = fields[3]
	}
	b.Name = fields[2]
	return b, key, CheckBucket(b)
}

// Check reports whether a bucket that a message names is one that can be; no provider is
// ais. The error is of kind Invalid.
func (b *Bucket) Check() (err error) {
	if b.Provider, err = object.ParseProvider(string(b.Provider)); err != nil {
		return err
	}
	if b.Namespace != (Namespace{}) {
		return object.E("api.Bucket", "namespace", object.Invalid, errNamespace)
	}
	return CheckBucket(*b)
}

// parseNamespace accepts the global namespace only.
func parseNamespace(s string) error {
	if s == "" || s == globalNamespace {
		return nil
	}
	return object.E("api.parseNamespace", s, object.Invalid, errNamespace)
}
