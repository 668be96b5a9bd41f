package cluster

import (
	"errors"
	"strings"
	"time"

	"ais/object"
)

// Bucket is a bucket as the whole cluster knows it.
type Bucket struct {
	ID        uint64          `json:"id"` // given once, never used again
	Provider  object.Provider `json:"provider"`
	Name      string          `json:"name"`
	Created   time.Time       `json:"created"`
	Region    string          `json:"region,omitempty"` // LocationConstraint as given
	Placement                 // where its names are
	Next      Placement       `json:"next,omitzero"` // where they are being moved to; zero while nothing moves
	State     BucketState     `json:"state"`
	Props     Props           `json:"props"`

	Owner      string            `json:"owner,omitempty"`      // id of the user who made it; "" while auth is off
	Versioning object.Versioning `json:"versioning,omitempty"` // S3's; Props.Versioning is AIStore's
	Documents  Documents         `json:"documents,omitzero"`
	LastRemote string            `json:"last_remote,omitempty"` // what backend_bck was when it was something: what is kept of it may be here

	Revision int64 `json:"-"` // of etcd, of the last change of this bucket
}

// Documents are the configurations that S3 clients give a bucket, each as text in
// the form that package s3api (the policy: package auth) validated and reads
// back; "" is none.
type Documents struct {
	Policy       string `json:"policy,omitempty"`        // JSON, as given
	ACL          string `json:"acl,omitempty"`           // as auth.ACL encodes it
	Ownership    string `json:"ownership,omitempty"`     // BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter
	PublicAccess string `json:"public_access,omitempty"` // PublicAccessBlockConfiguration
	CORS         string `json:"cors,omitempty"`          // CORSConfiguration
	Lifecycle    string `json:"lifecycle,omitempty"`     // LifecycleConfiguration
	Tagging      string `json:"tagging,omitempty"`       // Tagging
}

// BucketState says whether a bucket can be used.
type BucketState string

// The states of buckets.
const (
	BucketActive   BucketState = "active"
	BucketDeleting BucketState = "deleting" // answers NoSuchBucket; becomes nothing, or active again
)

// URL returns "provider://name".
func (b *Bucket) URL() string { return string(b.Provider) + "://" + b.Name }

// Check reports whether b can be created. The error is of kind Invalid.
func (b *Bucket) Check() error {
	if _, err := object.ParseProvider(string(b.Provider)); err != nil {
		return err
	}
	return object.CheckBucketName(b.Name)
}

// CheckRename reports whether b can have another name. The error is of kind Invalid, or
// Busy while the bucket is being deleted.
func (b *Bucket) CheckRename() error {
	const op = "cluster.CheckRename"
	_, remote := b.Remote()
	switch {
	case b.State != BucketActive:
		return object.E(op, b.Name, object.Busy, errors.New("the bucket is being deleted"))
	case remote:
		return object.E(op, b.Name, object.Invalid, errors.New("only ais:// buckets without a remote one behind them can be renamed"))
	case b.Documents.Policy != "":
		return object.E(op, b.Name, object.Invalid, errors.New("the bucket's policy names it as it is: delete the policy, rename the bucket, and put a policy with the new name"))
	}
	return nil
}

func compareBuckets(a, b *Bucket) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return strings.Compare(string(a.Provider), string(b.Provider))
}
