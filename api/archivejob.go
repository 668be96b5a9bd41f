package api

import (
	"context"
	"errors"
	"net/http"

	"ais/object"
)

// MaxArchiveNames is how many objects a job puts into one archive.
const MaxArchiveNames = 1_000_000

// ArchiveMessage is the value of ActionArchive: which objects become one archive, in
// the bucket To or the same.
type ArchiveMessage struct {
	NamesMessage
	To         *Bucket `json:"tobck,omitempty"`
	Archive    string  `json:"archname"`       // the object to make
	Format     string  `json:"mime,omitempty"` // extension or MIME type; "" is by the name
	BucketName bool    `json:"isbn,omitempty"` // names in it begin with that of the bucket
	Append     bool    `json:"aate,omitempty"` // to an archive that is there
	GoOn       bool    `json:"coer,omitempty"` // without objects that cannot be read
}

// Check reports whether the message can be carried out. The error is of kind Invalid.
func (m *ArchiveMessage) Check() error {
	const op = "api.ArchiveMessage"
	if m.Archive == "" {
		return object.E(op, "archname", object.Invalid, errors.New("it says what the archive is called"))
	}
	if err := object.CheckKey(m.Archive); err != nil {
		return object.E(op, "archname", object.Invalid, err)
	}
	if len(m.Names) == 0 && m.Template == "" && m.Prefix == "" {
		return object.E(op, "", object.Invalid, errors.New("objnames or template say what goes into the archive"))
	}
	if err := m.NamesMessage.Check(); err != nil {
		return err
	}
	if m.To != nil {
		return m.To.Check()
	}
	return nil
}

// ArchiveNames starts a job that makes one archive of objects of a bucket, and returns
// its id. Kinds: NoSuchBucket, Invalid.
func (c *Client) ArchiveNames(ctx context.Context, b Bucket, m ArchiveMessage) (id string, err error) {
	return c.startJob(ctx, bucketCall(http.MethodPut, BucketPath(b), b), ActionArchive, "", m)
}
