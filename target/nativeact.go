package target

import (
	"errors"

	"ais/api"
	"ais/object"
)

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
		return object.E("target.native", api.QueryUploadID, object.Invalid, errors.New("the upload is to be named by this parameter"))
	case "":
		return object.E("target.native", "", object.Invalid, errors.New("the body is no action message"))
	}
	return object.E("target.native", message.Action, object.Unsupported, nil)
}
