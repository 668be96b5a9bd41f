package s3

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// quickLists is an option of a call of ListObjectsV2, the answer of which is read
// by readList: the SDK takes 20 ms for a page of 1,000 names, several times what
// else a page costs.
func quickLists(o *s3.Options) {
	o.APIOptions = append(o.APIOptions[:len(o.APIOptions):len(o.APIOptions)], func(stack *middleware.Stack) error {
		own := &listReader{}
		var err error
		own.sdk, err = stack.Deserialize.Swap(own.ID(), own)
		return err
	})
}

// listReader takes the place of the SDK's own reader of an answer, and passes on to
// it what is not a plain list.
type listReader struct {
	sdk middleware.DeserializeMiddleware
}

// ID implements middleware.DeserializeMiddleware: the name of what it replaces.
func (*listReader) ID() string { return "OperationDeserializer" }

// HandleDeserialize implements middleware.DeserializeMiddleware.
func (l *listReader) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	middleware.DeserializeOutput, middleware.Metadata, error) {
	out, meta, err := next.HandleDeserialize(ctx, in)
	passOn := func() (middleware.DeserializeOutput, middleware.Metadata, error) {
		return l.sdk.HandleDeserialize(ctx, in, alreadyMade{out, meta, err})
	}
	response, ok := out.RawResponse.(*smithyhttp.Response)
	if err != nil || !ok || response.StatusCode != http.StatusOK {
		return passOn()
	}
	body, readErr := io.ReadAll(io.LimitReader(response.Body, maxListAnswer))
	closeErr := response.Body.Close()
	if readErr != nil || closeErr != nil && len(body) == 0 {
		return out, meta, &smithy.DeserializationError{Err: readErr}
	}
	if list, ok := readList(string(body)); ok {
		out.Result = list
		return out, meta, nil
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return passOn()
}

// maxListAnswer bounds the bytes of a page in memory: 1,000 names of 1,024 bytes,
// each of them escaped, twice, and room for the rest.
const maxListAnswer = 16 << 20

// alreadyMade is a request that was made already.
type alreadyMade struct {
	out  middleware.DeserializeOutput
	meta middleware.Metadata
	err  error
}

// HandleDeserialize implements middleware.DeserializeHandler.
func (a alreadyMade) HandleDeserialize(context.Context, middleware.DeserializeInput) (middleware.DeserializeOutput, middleware.Metadata, error) {
	return a.out, a.meta, a.err
}

// readList reads the answer of ListObjectsV2, of which it takes what this package
// looks at. ok is false for what stores do not write, though XML would let them: a
// comment, a CDATA section, another encoding.
func readList(body string) (out *s3.ListObjectsV2Output, ok bool) {
	x := &listScanner{s: body}
	out = &s3.ListObjectsV2Output{Contents: make([]types.Object, 0, strings.Count(body, "<Contents>"))}
	x.prolog()
	if name, empty := x.open(); name != "ListBucketResult" || empty {
		return nil, false
	}
	x.children("ListBucketResult", func(name string) {
		switch name {
		case "Contents":
			out.Contents = append(out.Contents, x.object())
		case "CommonPrefixes":
			out.CommonPrefixes = append(out.CommonPrefixes, x.prefix())
		case "IsTruncated":
			v, err := strconv.ParseBool(x.text(name))
			x.bad = x.bad || err != nil
			out.IsTruncated = &v
		case "NextContinuationToken":
			v := x.text(name)
			out.NextContinuationToken = &v
		case "EncodingType":
			out.EncodingType = types.EncodingType(x.text(name))
		default:
			x.skip(name)
		}
	})
	x.space()
	return out, !x.bad && x.s == ""
}

func (x *listScanner) object() types.Object {
	var v struct {
		key, etag string
		size      int64
		modified  time.Time
	}
	fields := &v // one allocation for all of them
	var o types.Object
	x.children("Contents", func(name string) {
		var err error
		switch name {
		case "Key":
			fields.key = x.text(name)
			o.Key = &fields.key
		case "ETag":
			fields.etag = x.text(name)
			o.ETag = &fields.etag
		case "Size":
			fields.size, err = strconv.ParseInt(x.text(name), 10, 64)
			o.Size = &fields.size
		case "LastModified":
			fields.modified, err = time.Parse(time.RFC3339, x.text(name))
			o.LastModified = &fields.modified
		case "StorageClass":
			o.StorageClass = types.ObjectStorageClass(x.text(name))
		default:
			x.skip(name)
		}
		x.bad = x.bad || err != nil
	})
	return o
}

func (x *listScanner) prefix() (p types.CommonPrefix) {
	x.children("CommonPrefixes", func(name string) {
		if name != "Prefix" {
			x.skip(name)
			return
		}
		v := x.text(name)
		p.Prefix = &v
	})
	return p
}

// listScanner reads XML as stores write it, from the start of what is left.
type listScanner struct {
	s     string
	bad   bool
	depth int
}

// maxDepth is how deep elements are nested at most.
const maxDepth = 16

func (x *listScanner) fail() {
	x.s, x.bad = "", true
}

func (x *listScanner) space() {
	for x.s != "" && (x.s[0] == ' ' || x.s[0] == '\n' || x.s[0] == '\r' || x.s[0] == '\t') {
		x.s = x.s[1:]
	}
}

func (x *listScanner) prolog() {
	x.s = strings.TrimPrefix(x.s, "\ufeff")
	x.space()
	if !strings.HasPrefix(x.s, "<?xml") {
		return
	}
	head, rest, ok := strings.Cut(x.s, "?>")
	if lower := strings.ToLower(head); !ok || strings.Contains(lower, "encoding") && !strings.Contains(lower, "utf-8") {
		x.fail()
		return
	}
	x.s = rest
}

// open reads a start tag; "" where what comes is none. An empty element's end is
// read too.
func (x *listScanner) open() (name string, empty bool) {
	x.space()
	if len(x.s) < 2 || x.s[0] != '<' || x.s[1] == '/' {
		return "", false
	}
	for i := 1; i < len(x.s); i++ { // most are a word and no more
		if c := x.s[i]; c == '>' && i > 1 {
			name, x.s = x.s[1:i], x.s[i+1:]
			return name, false
		} else if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			break
		}
	}
	tag, rest, ok := strings.Cut(x.s[1:], ">")
	if !ok || strings.ContainsAny(tag, "<!?") || strings.Count(tag, `"`)%2 != 0 || strings.Count(tag, "'")%2 != 0 {
		x.fail()
		return "", false
	}
	x.s = rest
	if tag, empty = strings.CutSuffix(tag, "/"); strings.ContainsAny(tag, " \t\r\n") {
		tag = tag[:strings.IndexAny(tag, " \t\r\n")]
	}
	if tag == "" || strings.ContainsAny(tag, ":/\"'=&") {
		x.fail()
		return "", false
	}
	return tag, empty
}

// close reads the end tag of an element.
func (x *listScanner) close(name string) {
	if n := len(name) + 2; len(x.s) > n && x.s[:2] == "</" && x.s[2:n] == name {
		if x.s = x.s[n:]; x.s[0] != '>' {
			x.space()
		}
		if x.s != "" && x.s[0] == '>' {
			x.s = x.s[1:]
			return
		}
	}
	x.fail()
}

// children calls each with the name of every element within one that was opened,
// and reads its end. each is to read the element to its end.
func (x *listScanner) children(name string, each func(name string)) {
	if x.depth++; x.depth > maxDepth {
		x.fail()
	}
	defer func() { x.depth-- }()
	for {
		child, empty := x.open()
		switch {
		case x.bad:
			return
		case child == "":
			x.close(name)
			return
		case empty: // as if it had been written in two tags
			x.s = "</" + child + ">" + x.s
		}
		each(child)
	}
}

// text reads the rest of an element that has only text in it.
func (x *listScanner) text(name string) string {
	at := strings.IndexByte(x.s, '<')
	if at < 0 {
		x.fail()
		return ""
	}
	text := x.s[:at]
	x.s = x.s[at:]
	x.close(name)
	entity := false
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == ']' {
			x.fail() // to be looked at more closely than this does
			return ""
		} else if c == '&' {
			entity = true
		}
	}
	if entity {
		return x.unescape(text)
	}
	return text
}

// unescape replaces the entities that XML has, and fails for any other one.
func (x *listScanner) unescape(text string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "&")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		entity, after, _ := strings.Cut(rest, ";")
		switch entity {
		case "amp":
			out.WriteByte('&')
		case "lt":
			out.WriteByte('<')
		case "gt":
			out.WriteByte('>')
		case "quot", "#34":
			out.WriteByte('"')
		case "apos", "#39":
			out.WriteByte('\'')
		default:
			x.fail()
			return ""
		}
		text = after
	}
}

// skip reads an element to its end and what is in it.
func (x *listScanner) skip(name string) {
	if at := strings.IndexByte(x.s, '<'); at >= 0 && strings.HasPrefix(x.s[at:], "</") {
		x.s = x.s[at:]
		x.close(name)
		return
	}
	x.children(name, x.skip)
}
