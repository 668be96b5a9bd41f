package target

import (
	"errors"
	"strconv"

	"ais/api"
	"ais/object"
)

// errNoUpload is why a call about an upload is refused.
var errNoUpload = errors.New("the upload is to be named by this parameter")

// refuse answers what AIStore has and AIS has not: a transformation, and a download
// in parallel that a read asks for.
func (c *nativeCall) refuse(parameters ...string) error {
	for _, name := range parameters {
		if c.ctx.QueryArgs().Has(name) {
			return object.E("target.native", name, object.Unsupported, errors.New(name+": objects are read and written as they are"))
		}
	}
	if string(c.ctx.Request.Header.Peek(api.HeaderBlobDownload)) == "true" {
		return object.E("target.native", api.HeaderBlobDownload, object.Unsupported, errors.New(api.HeaderBlobDownload+": what is not here yet is fetched in parallel by itself, without being asked to"))
	}
	return nil
}

// nativeAct carries out what the action message of a POST asks for.
func (t *Target) nativeAct(c *nativeCall) error {
	message, err := api.ReadAction(c.ctx)
	if err != nil {
		return err
	}
	switch message.Action {
	case api.ActionCreateUpload:
		return t.nativeUpload(c)
	case api.ActionRenameObject:
		return t.nativeRename(c, message.Name)
	case api.ActionCompleteUpload:
		return object.E("target.native", api.QueryUploadID, object.Invalid, errNoUpload)
	case "":
		return object.E("target.native", "", object.Invalid, errors.New("the body is no action message"))
	}
	return object.E("target.native", message.Action, object.Unsupported, errors.New("objects have no action "+strconv.Quote(message.Action)))
}
