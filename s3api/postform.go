package s3api

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"strings"
	"unicode/utf8"
)

// Form uploads, as in "POST Object" of the S3 API reference and RFC 7578.

// Bounds of a form. They hold for what comes before the file.
const (
	maxFormField  = 20 << 10 // bytes of one field's value
	maxFormFields = 64 << 10 // bytes of all that precedes the file
	maxPartHead   = 8 << 10  // bytes of one part's header
	maxBoundary   = 70       // RFC 2046 §5.1.1

	// wholeFile is how much of a form from its file on is read at once: so much
	// may have fields after the file, as a form with a named button has. In larger
	// ones the file comes last, as S3 asks for, and streams.
	wholeFile = 256 << 10
)

// The errors of forms.
var (
	errNotForm        = &Error{Code: "PreconditionFailed", Status: 412, Message: "Bucket POST must be of the enclosure-type multipart/form-data"}
	errMalformedForm  = &Error{Code: "MalformedPOSTRequest", Status: 400, Message: "The body of your POST request is not well-formed multipart/form-data."}
	errLongForm       = &Error{Code: "MaxPostPreDataLengthExceededError", Status: 400, Message: "Your POST request fields preceding the upload file were too large."}
	errNoFile         = InvalidArgument.Say("POST requires exactly one file upload per request.").With("ArgumentName", "file").With("ArgumentValue", "0")
	errFileNotLast    = errMalformedForm.Say("The file must be the last field of the form.")
	errRepeated       = InvalidArgument.Say("A field of the form may come only once.")
	errFieldNotHeader = InvalidArgument.Say("A field of the form has a value that no header can have.")
)

// PostForm is a form upload up to its file.
type PostForm struct {
	Bucket string
	Key    string            // with ${filename} replaced
	Fields map[string]string // the form's fields, by their names in lower case
	Size   int64             // of the file

	file io.Reader
}

// ParsePostForm reads the form of a PostObject request up to the bytes of its
// file, which File then reads. What the form says is not verified yet: see
// VerifyPost.
func ParsePostForm(r *Request) (*PostForm, error) {
	boundary, err := formBoundary(r.peek("Content-Type"))
	if err != nil {
		return nil, err
	}
	length := int64(r.ctx.Request.Header.ContentLength())
	if length < 0 || length == 0 && !r.hasContentLength() {
		return nil, MissingContentLength
	}
	p := newFormReader(&connReader{r: r, src: bodyStream(r), length: length}, boundary, length)
	f := &PostForm{Bucket: r.Bucket, Fields: make(map[string]string)}
	filename, err := p.readFields(f.Fields)
	if err != nil {
		return nil, err
	}
	if f.file, f.Size, err = p.openFile(); err != nil {
		return nil, err
	}
	return f, f.finish(filename)
}

// bodyStream returns the body of r, streamed or not.
func bodyStream(r *Request) io.Reader {
	if stream := r.ctx.RequestBodyStream(); stream != nil {
		return stream
	}
	return bytes.NewReader(r.ctx.Request.Body())
}

// formBoundary returns the line that parts a form: "--" and the boundary.
func formBoundary(contentType []byte) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(string(contentType))
	if err != nil || kind != "multipart/form-data" {
		return nil, errNotForm
	}
	boundary := params["boundary"]
	if boundary == "" || len(boundary) > maxBoundary || strings.ContainsAny(boundary, "\r\n") {
		return nil, errMalformedForm
	}
	return []byte("--" + boundary), nil
}

// finish fills in what the fields say: the key, with the file's name in place.
func (f *PostForm) finish(filename string) error {
	filename = filename[strings.LastIndexAny(filename, `/\`)+1:] // a browser may send a path
	for name, value := range f.Fields {
		if name != "policy" && strings.Contains(value, "${filename}") {
			f.Fields[name] = strings.ReplaceAll(value, "${filename}", filename)
		}
	}
	key, ok := f.Fields["key"]
	if !ok || key == "" {
		return InvalidArgument.Say("Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.").
			With("ArgumentName", "key").With("ArgumentValue", "")
	}
	f.Key = key
	return checkKey(key)
}

// File returns the reader of the file. It ends in io.EOF only where the whole
// form was well-formed, and the last bytes come only then: who passes them on
// passes a file that is cut otherwise.
func (f *PostForm) File() io.Reader { return f.file }

// formReader reads multipart/form-data.
type formReader struct {
	br       *bufio.Reader
	boundary []byte // "--" and the boundary
	left     int64  // of the body
	head     int    // bytes read of what precedes the file
}

func newFormReader(src io.Reader, boundary []byte, length int64) *formReader {
	return &formReader{br: bufio.NewReaderSize(src, 16<<10), boundary: boundary, left: length}
}

// line returns the next line with its end, valid until the next read, or as much
// of it as there is room for. The limit is for all that precedes the file.
func (p *formReader) line() ([]byte, error) {
	line, err := p.br.ReadSlice('\n')
	p.left -= int64(len(line))
	if p.head += len(line); p.head > maxFormFields {
		return nil, errLongForm
	}
	if err != nil && err != bufio.ErrBufferFull {
		return nil, unexpected(err)
	}
	return line, nil
}

// readFields reads the fields up to the file, and the file's header.
func (p *formReader) readFields(fields map[string]string) (filename string, err error) {
	first, err := p.line()
	if err != nil {
		return "", err
	}
	if last, ok := p.delimits(first); !ok || last {
		return "", errMalformedForm
	}
	for {
		name, file, err := p.partHead()
		if err != nil {
			return "", err
		}
		if name == "file" {
			return file, nil
		}
		if _, there := fields[name]; there {
			return "", errRepeated.With("ArgumentName", name)
		}
		value, last, err := p.value()
		if err != nil {
			return "", err
		}
		if fields[name] = value; last {
			return "", errNoFile
		}
	}
}

// delimits reports whether a line parts two parts, or is the last of the form.
func (p *formReader) delimits(line []byte) (last, ok bool) {
	rest, ok := bytes.CutPrefix(line, p.boundary)
	if !ok {
		return false, false
	}
	if rest, last = bytes.CutPrefix(rest, []byte("--")); last {
		return true, len(bytes.TrimRight(rest, " \t\r\n")) == 0
	}
	return false, len(bytes.TrimRight(rest, " \t\r\n")) == 0 && bytes.HasSuffix(rest, []byte{'\n'})
}

// partHead reads the header of a part: the field's name in lower case, and the
// name of a file.
func (p *formReader) partHead() (name, filename string, err error) {
	found := false
	for size := 0; ; {
		line, err := p.line()
		if err != nil {
			return "", "", err
		}
		if size += len(line); size > maxPartHead {
			return "", "", errLongForm
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		header, value, ok := bytes.Cut(line, []byte{':'})
		if !ok {
			return "", "", errMalformedForm
		}
		if !bytes.EqualFold(bytes.TrimSpace(header), []byte("Content-Disposition")) {
			continue
		}
		kind, params, err := mime.ParseMediaType(string(value))
		if err != nil || kind != "form-data" || found {
			return "", "", errMalformedForm
		}
		found, name, filename = true, strings.ToLower(params["name"]), params["filename"]
	}
	if name == "" || !utf8.ValidString(name) {
		return "", "", errMalformedForm
	}
	return name, filename, nil
}

// value reads the value of a field, and whether the form ends after it.
func (p *formReader) value() (value string, last bool, err error) {
	var b []byte
	for fresh := true; ; { // fresh: a line begins here
		line, err := p.line()
		if err != nil {
			return "", false, err
		}
		if fresh {
			if last, ok := p.delimits(line); ok {
				b = bytes.TrimSuffix(b, []byte("\r\n"))
				if len(b) > maxFormField {
					return "", false, errLongForm
				}
				return string(b), last, nil
			}
		}
		if len(b)+len(line) > maxFormField+2 {
			return "", false, errLongForm
		}
		b = append(b, line...)
		fresh = bytes.HasSuffix(b, []byte("\r\n"))
	}
}

// openFile returns the file that begins here, and its size.
func (p *formReader) openFile() (io.Reader, int64, error) {
	if p.left <= wholeFile {
		return p.readWhole()
	}
	end := "\r\n" + string(p.boundary) + "--\r\n"
	size := p.left - int64(len(end))
	return &formFile{src: p.br, left: size, mark: []byte("\r\n" + string(p.boundary)), end: end}, size, nil
}

// readWhole reads all that is left of the form.
func (p *formReader) readWhole() (io.Reader, int64, error) {
	rest := make([]byte, max(p.left, 0))
	if _, err := io.ReadFull(p.br, rest); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		return nil, 0, unexpected(err)
	}
	framed := append([]byte("\r\n"), rest...) // an empty file may have its boundary at once
	mark := append([]byte("\r\n"), p.boundary...)
	i := bytes.Index(framed, mark)
	if i < 0 {
		return nil, 0, IncompleteBody
	}
	line := framed[i+2:]
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end+1]
	}
	if _, ok := p.delimits(line); !ok {
		return nil, 0, errMalformedForm
	}
	file := framed[min(2, i):i]
	return bytes.NewReader(file), int64(len(file)), nil
}

// formFile is a file that streams, known to be the last part of its form. Its
// last bytes are given only when the end of the form has been seen.
type formFile struct {
	src  *bufio.Reader
	left int64
	mark []byte // what ends a part; it must not come within the file
	end  string // what must follow the file
	tail []byte // the last bytes given, shorter than mark
	err  error  // sticky
}

// keptBack is how many bytes of a file are given only after its end.
const keptBack = 4 << 10

// Read reads the file.
func (f *formFile) Read(b []byte) (int, error) {
	if f.err != nil || len(b) == 0 {
		return 0, f.err
	}
	n, err := f.next(b)
	if err == nil {
		err = f.scan(b[:n])
	}
	if f.err = err; err != nil && err != io.EOF {
		return 0, err
	}
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// next reads up to the bytes kept back, or those with the end of the form.
func (f *formFile) next(b []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	if f.left > keptBack {
		b = b[:min(int64(len(b)), f.left-keptBack)]
		n, err := f.src.Read(b)
		f.left -= int64(n)
		if err == nil || n > 0 {
			return n, nil
		}
		return 0, unexpected(err)
	}
	all, err := f.src.Peek(int(f.left) + len(f.end))
	if err != nil {
		return 0, unexpected(err)
	}
	if string(all[f.left:]) != f.end {
		return 0, errFileNotLast
	}
	n := copy(b, all[:f.left])
	f.left -= int64(n)
	if f.left > 0 {
		_, err = f.src.Discard(n)
	} else {
		_, err = f.src.Discard(n + len(f.end))
	}
	return n, err
}

// scan looks for the end of the part in the bytes just read and those before.
func (f *formFile) scan(b []byte) error {
	joined := append(f.tail, b[:min(len(b), len(f.mark)-1)]...)
	if bytes.Contains(joined, f.mark) || bytes.Contains(b, f.mark) {
		return errFileNotLast
	}
	if len(b) >= len(f.mark) {
		f.tail = append(f.tail[:0], b[len(b)-len(f.mark)+1:]...)
	} else {
		f.tail = append(f.tail[:0], joined[max(0, len(joined)-len(f.mark)+1):]...)
	}
	return nil
}
