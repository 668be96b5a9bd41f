package object

import (
	"errors"
	"strings"
)

// Versioning is the state of S3's versioning of a bucket. The values are stored:
// never renumber them.
type Versioning uint8

// The states. A bucket that has left Unversioned never returns to it.
const (
	Unversioned Versioning = 0 // one version of each name, the null version
	Versioned   Versioning = 1 // every write and delete makes a new version
	Suspended   Versioning = 2 // writes and deletes replace the null version; the others stay
)

// NullVersion is what S3 calls the version with the empty Meta.VersionID.
const NullVersion = "null"

// String returns S3's word: "", "Enabled" or "Suspended".
func (v Versioning) String() string {
	return [...]string{"", "Enabled", "Suspended"}[min(v, Suspended)]
}

// MarshalText returns String.
func (v Versioning) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText is the inverse of MarshalText, in any case. The error is of kind
// Invalid.
func (v *Versioning) UnmarshalText(text []byte) error {
	for state := Unversioned; state <= Suspended; state++ {
		if strings.EqualFold(state.String(), string(text)) {
			*v = state
			return nil
		}
	}
	return E("object.Versioning", string(text), Invalid, errors.New("versioning is Enabled or Suspended"))
}

// ShownVersion returns a version id as S3 shows it: "null" for the null version.
func ShownVersion(id string) string {
	if id == "" {
		return NullVersion
	}
	return id
}
