package api

import (
	"errors"

	"ais/object"
)

// QueryBucketTo is the query parameter that names the bucket to copy to, or the new
// name, by its unique name (Bucket.Unique).
const QueryBucketTo = "bck_to"

// CopyMessage is the value of ActionCopy and, with the names and the bucket to copy to
// besides, of ActionCopyNames: each object is copied under its name with Prepend before
// it, over what is there.
type CopyMessage struct {
	NamesMessage
	To          *Bucket           `json:"tobck,omitempty"` // of ActionCopyNames
	Prepend     string            `json:"prepend,omitempty"`
	DryRun      bool              `json:"dry_run,omitempty"`     // count, and copy nothing
	Synchronize bool              `json:"synchronize,omitempty"` // remove copies of what the source no longer has
	Force       bool              `json:"force,omitempty"`       // of AIStore; nothing is in the way of a copy here
	Extensions  map[string]string `json:"ext,omitempty"`         // of transformations
	Transform   string            `json:"id,omitempty"`          // name of one
}

// Check reports whether the message can be carried out, as NamesMessage.Check. Kinds:
// Invalid; Unsupported where copies are to be transformed.
func (m *CopyMessage) Check() error {
	const op = "api.CopyMessage"
	if len(m.Extensions) > 0 || m.Transform != "" {
		return object.E(op, "ext", object.Unsupported, errors.New("copies are not transformed, nor their extensions changed"))
	}
	if err := m.NamesMessage.Check(); err != nil {
		return err
	}
	if m.Prepend != "" {
		if err := object.CheckKey(m.Prepend + "x"); err != nil {
			return object.E(op, "prepend", object.Invalid, err)
		}
	}
	if m.To != nil {
		return m.To.Check()
	}
	return nil
}
