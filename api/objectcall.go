package api

import (
	"errors"
	"strconv"

	"github.com/valyala/fasthttp"

	"ais/object"
)

// ObjectKind is what a call under PathObjects asks for, as far as its method and
// query say so.
type ObjectKind uint8

// The kinds of calls for objects.
const (
	ObjectUnknown ObjectKind = iota
	ObjectGet
	ObjectHead
	ObjectPut
	ObjectDelete
	ObjectCopy   // to another name
	ObjectCustom // PATCH: custom properties
	ObjectAppend // bytes that are to follow the object's
	ObjectAct    // POST: the action message in the body says what
	UploadPut    // a part of an upload
	UploadParts  // which parts it has
	UploadComplete
	UploadAbort
)

// Action returns what policies call the kind; ok is false where more than the name
// of the object has to be known to decide.
func (k ObjectKind) Action() (action string, ok bool) {
	switch k {
	case ObjectGet, ObjectHead, ObjectCopy:
		return "s3:GetObject", true
	case ObjectPut, ObjectAppend, ObjectCustom, UploadPut, UploadComplete:
		return "s3:PutObject", true
	case ObjectDelete:
		return "s3:DeleteObject", true
	case UploadParts:
		return "s3:ListMultipartUploadParts", true
	case UploadAbort:
		return "s3:AbortMultipartUpload", true
	}
	return "", false
}

// Reads reports whether the kind is a read of the object, which is decided about
// with what is known of it.
func (k ObjectKind) Reads() bool { return k == ObjectGet || k == ObjectHead || k == ObjectCopy }

// ObjectCall is a call under PathObjects.
type ObjectCall struct {
	Kind     ObjectKind
	UploadID string // "" where it is not about an upload, such as an append
	To       Target // of a copy: the name of it
	Append   AppendHandle
}

// plainKinds are the kinds of calls whose query says nothing else, and uploadKinds
// those that name an upload, by method.
var (
	plainKinds = map[string]ObjectKind{
		fasthttp.MethodGet: ObjectGet, fasthttp.MethodHead: ObjectHead, fasthttp.MethodPut: ObjectPut,
		fasthttp.MethodDelete: ObjectDelete, fasthttp.MethodPost: ObjectAct, fasthttp.MethodPatch: ObjectCustom,
	}
	uploadKinds = map[string]ObjectKind{
		fasthttp.MethodGet: UploadParts, fasthttp.MethodPut: UploadPut, fasthttp.MethodPost: UploadComplete,
		fasthttp.MethodDelete: UploadAbort,
	}
)

// ReadObjectCall says what a call under PathObjects asks for. The error is of kind
// Invalid.
func ReadObjectCall(ctx *fasthttp.RequestCtx) (ObjectCall, error) {
	query := ctx.QueryArgs()
	if ctx.IsPut() && query.Has(QueryCopyTo) {
		return readCopy(query)
	}
	if ctx.IsPut() && query.Has(QueryAppend) {
		return readAppend(query)
	}
	if !query.Has(QueryUploadID) {
		if query.Has(QueryPartNumber) && ctx.IsPut() {
			return ObjectCall{}, object.E("api.ReadObjectCall", QueryUploadID, object.Invalid, errors.New("a part is of an upload, which this parameter names"))
		}
		return ObjectCall{Kind: plainKinds[string(ctx.Method())]}, nil
	}
	c := ObjectCall{Kind: uploadKinds[string(ctx.Method())], UploadID: string(query.Peek(QueryUploadID))}
	if c.UploadID == "" {
		return ObjectCall{}, object.E("api.ReadObjectCall", QueryUploadID, object.Invalid, errors.New("it is empty"))
	}
	return c, nil
}

// readCopy reads the query of a copy.
func readCopy(query *fasthttp.Args) (c ObjectCall, err error) {
	for _, other := range []string{QueryUploadID, QueryPartNumber, QueryAppend, QueryArchPath} {
		if query.Has(other) {
			return c, object.E("api.ReadObjectCall", other, object.Invalid, errors.New("it does not go with "+QueryCopyTo))
		}
	}
	c.Kind = ObjectCopy
	c.To.Bucket, c.To.Key, err = ParseUnique(string(query.Peek(QueryCopyTo)))
	if err == nil {
		err = object.CheckKey(c.To.Key)
	}
	return c, err
}

// ReadPartNumber reads the number of the part that a call of kind UploadPut
// brings. The error is of kind Invalid.
func ReadPartNumber(ctx *fasthttp.RequestCtx) (int, error) {
	return parsePartNumber(string(ctx.QueryArgs().Peek(QueryPartNumber)))
}

func parsePartNumber(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > object.MaxParts {
		return 0, errPartNumber(text)
	}
	return n, nil
}

func errPartNumber(text string) error {
	return object.E("api.partNumber", QueryPartNumber, object.Invalid, errors.New(strconv.Quote(text)+" is no number of a part, which is from 1 to "+strconv.Itoa(object.MaxParts)))
}
