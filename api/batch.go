package api

import (
	"errors"
	"fmt"
	"strings"

	"ais/object"

	"github.com/valyala/fasthttp"
)

// PathBatch is Get-Batch; a bucket that entries default to may follow.
const PathBatch = "/v1/ml/moss"

// Bounds of a batch.
const (
	MaxBatch     = 20_000  // entries
	maxBatchBody = 8 << 20 // bytes of the message
)

// MissingFolder is where in the archive of an answer an entry is that has failed.
const MissingFolder = "__404__"

// BatchRequest asks for many objects, or files in archives, in one answer: an archive
// with a file for each of In, in that order.
type BatchRequest struct {
	Format          string    `json:"mime,omitempty"` // of the archive; "" is .tar
	In              []BatchIn `json:"in"`
	ContinueOnError bool      `json:"coer,omitempty"` // an entry that fails is an empty file under MissingFolder
	OnlyNames       bool      `json:"onob"`           // files are not named after the bucket
	Stream          bool      `json:"strm"`           // the answer is the archive; else BatchAnswer comes before it, in multipart/form-data
	Colocation      int       `json:"coloc,omitempty"`
}

// BatchIn is one entry.
type BatchIn struct {
	Key      string `json:"objname"`
	Bucket   string `json:"bucket,omitempty"`
	Provider string `json:"provider,omitempty"`
	Uname    string `json:"uname,omitempty"`    // provider/@#/bucket/key, in the place of the three
	Opaque   string `json:"opaque,omitempty"`   // of the client, given back as it is
	ArchPath string `json:"archpath,omitempty"` // a file in the archive that the object is
	Start    int64  `json:"start,omitempty"`    // of the bytes asked for
	Length   int64  `json:"length,omitempty"`   // of these; −1 is all from Start on, 0 with Start 0 is all
}

// BatchAnswer says what came of each entry, in their order.
type BatchAnswer struct {
	Out  []BatchOut `json:"out"`
	UUID string     `json:"uuid"`
}

// BatchOut is one entry's.
type BatchOut struct {
	Key      string `json:"objname"`
	ArchPath string `json:"archpath,omitempty"`
	Bucket   string `json:"bucket"`
	Provider string `json:"provider"`
	Opaque   string `json:"opaque,omitempty"`
	Error    string `json:"err_msg,omitempty"`
	Size     int64  `json:"size"`
}

// ReadBatch reads a batch from a request: each entry has its bucket and provider
// then, and names that can be. The request can be sent on afterwards. The error is of kind Invalid, NoSuchBucket, TooLarge
// or KeyTooLong.
func ReadBatch(ctx *fasthttp.RequestCtx) (BatchRequest, error) {
	var r BatchRequest
	name, err := batchBucket(string(ctx.URI().PathOriginal()))
	if err != nil {
		return r, err
	}
	body, err := readRaw(ctx, maxBatchBody)
	if err != nil {
		return r, err
	}
	ctx.Request.SetBodyRaw(body)
	if err := jsonAPI.Unmarshal(body, &r); err != nil {
		return r, badBatch("body", err.Error())
	}
	if len(r.In) == 0 || len(r.In) > MaxBatch {
		return r, badBatch("in", fmt.Sprintf("a batch has 1 to %d entries", MaxBatch))
	}
	if r.Colocation < 0 || r.Colocation > 2 {
		return r, badBatch("coloc", "0, 1 or 2")
	}
	provider := string(ctx.QueryArgs().Peek(QueryProvider))
	for i := range r.In {
		if err := r.In[i].complete(name, provider); err != nil {
			return r, err
		}
	}
	return r, nil
}

// IsBatch reports whether a path is one of Get-Batch.
func IsBatch(path string) bool {
	return path == PathBatch || strings.HasPrefix(path, PathBatch+"/")
}

// Encode returns v as the JSON of this API.
func Encode(v any) ([]byte, error) { return jsonAPI.Marshal(v) }

func badBatch(what, why string) error {
	return object.E("api.ReadBatch", what, object.Invalid, errors.New(why))
}

// batchBucket returns the bucket that the path names, "" for none.
func batchBucket(path string) (string, error) {
	rest := strings.Trim(strings.TrimPrefix(path, PathBatch), "/")
	name, err := unescapePath(rest)
	if err != nil || strings.Contains(name, "/") {
		return "", badBatch("path", "what follows "+PathBatch+" is the name of a bucket")
	}
	return name, nil
}

// complete fills in what the entry leaves to the request, and checks it.
func (in *BatchIn) complete(bucket, provider string) error {
	if in.Uname != "" {
		parts := strings.SplitN(in.Uname, "/", 4)
		if len(parts) != 4 || parts[1] != "@#" || in.Key != "" && in.Key != parts[3] {
			return badBatch("uname", "provider/@#/bucket/name of the object")
		}
		in.Provider, in.Bucket, in.Key = parts[0], parts[2], parts[3]
	}
	if in.Bucket == "" {
		in.Bucket = bucket
		if in.Provider == "" {
			in.Provider = provider
		}
	}
	p, err := object.ParseProvider(in.Provider)
	if err != nil {
		return err
	}
	in.Provider = string(p)
	switch {
	case in.Bucket == "":
		return badBatch("bucket", "the entry "+in.Key+" is in no bucket: name one in it, or in the path")
	case in.Start < 0:
		return badBatch("start", "a range begins at 0 or later")
	case in.Length < -1:
		return badBatch("length", "a number of bytes, or -1 for all that follow")
	case in.Start > 0 && in.Length == 0:
		return badBatch("length", "a range that does not begin at 0 says how long it is, -1 for all that follows")
	}
	if err := object.CheckBucketName(in.Bucket); err != nil {
		return object.E("api.ReadBatch", in.Bucket, object.NoSuchBucket, err)
	}
	return object.CheckKey(in.Key)
}

// Name returns the entry's name in the archive of the answer.
func (in *BatchIn) Name(onlyNames bool) string {
	name := in.Key
	if !onlyNames {
		name = in.Bucket + "/" + name
	}
	if in.ArchPath != "" {
		name += "/" + in.ArchPath
	}
	return name
}

// Out returns the entry's answer, of size bytes or a failure.
func (in *BatchIn) Out(size int64, failure string) BatchOut {
	return BatchOut{Key: in.Key, ArchPath: in.ArchPath, Bucket: in.Bucket, Provider: in.Provider, Opaque: in.Opaque, Size: size, Error: failure}
}

// EntryError says what is wrong with an entry of a batch.
func EntryError(in *BatchIn, err error) string {
	p, perr := object.ParseProvider(in.Provider)
	if perr != nil {
		p = object.AIS
	}
	return NewErrorMessage(err, NewBucket(p, in.Bucket), in.Key).Message
}
