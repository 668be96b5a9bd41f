package cluster

import (
	"strings"
	"time"

	"ais/object"
)

// Bucket is a bucket as the whole cluster knows it.
type Bucket struct {
	ID         uint64          `json:"id"` // given once, never used again
	Provider   object.Provider `json:"provider"`
	Name       string          `json:"name"`
	Created    time.Time       `json:"created"`
	Region     string          `json:"region,omitempty"` // LocationConstraint as given
	Generation uint64          `json:"generation"`       // that its names are placed over
	State      BucketState     `json:"state"`
	Props      Props           `json:"props"`
	Revision   int64           `json:"-"` // of etcd, of the last change of this bucket
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

func compareBuckets(a, b *Bucket) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return strings.Compare(string(a.Provider), string(b.Provider))
}
