package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// operation is what a load does.
type operation string

// The operations. multidelete, complete and mixed are loads made of several.
const (
	opPut         operation = "put"
	opGet         operation = "get"
	opRange       operation = "range"
	opHead        operation = "head"
	opList        operation = "list"
	opDelete      operation = "delete"
	opMultiDelete operation = "multidelete"
	opMixed       operation = "mixed"
	opComplete    operation = "complete"
	opCopy        operation = "copy"
	opRedirect    operation = "redirect" // a GET that is answered with a 307, not followed

	// What loads are prepared with.
	opMakeBucket operation = "makebucket"
	opCreate     operation = "create"
	opPart       operation = "part"
)

// request is one operation to do.
type request struct {
	op        operation
	key       string
	body      []byte   // of put and part
	offset    int64    // of range
	length    int64    // of range; of get, what must come
	keys      []string // of multidelete
	source    string   // of copy
	upload    string   // of part and complete
	part      int      // of part: its number
	etags     []string // of complete
	after     string   // of list
	delimiter string   // of list
	maxKeys   int      // of list
}

// result is what came of a request.
type result struct {
	bytes  int64     // of payload
	upload string    // of create
	etag   string    // of part
	keys   int       // of list
	first  time.Time // of a timed client's get: when the first byte came
}

// client does requests one after the other; each worker has its own.
type client interface {
	do(ctx context.Context, r *request) (result, error)
	close()
}

// endpoint is where and how requests go.
type endpoint struct {
	host   string // host:port
	path   string // "/s3" or ""
	bucket string

	access, secret, region string
	direct                 bool // follow one redirect, and use its ticket again
	sdk                    bool
	secure                 *tls.Config // nil for plain HTTP
	payload                payload
}

func parseEndpoint(text, bucket string) (endpoint, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Port() == "" {
		return endpoint{}, fmt.Errorf("-endpoint %q: want http[s]://host:port[/path]", text)
	}
	e := endpoint{host: u.Host, path: strings.TrimRight(u.Path, "/"), bucket: bucket, region: "us-east-1", payload: payloadUnsigned}
	if u.Scheme == "https" {
		e.secure = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return e, nil
}

// makeBucket makes the bucket over S3 and sets properties of it over the native
// API.
func (e endpoint) makeBucket(ctx context.Context, properties string) error {
	e.direct, e.sdk = false, false
	c := e.newClient().(*rawClient)
	defer c.close()
	if _, err := c.do(ctx, &request{op: opMakeBucket}); err != nil {
		return err
	}
	_, err := c.native("PATCH", "/v1/buckets/"+e.bucket, "provider=ais", `{"action":"set-bprops","value":`+properties+`}`)
	return err
}

// native does a call of the native API and returns the answer's body.
func (c *rawClient) native(method, path, query, body string) ([]byte, error) {
	w := wire{method: method, query: query, keep: true, body: []byte(body)}
	if (method == "GET" || method == "DELETE") && body != "" {
		w.headers = []string{"content-length:" + strconv.Itoa(len(body))}
	}
	uri := path
	if query != "" {
		uri += "?" + query
	}
	a, err := c.try(c.host, uri, path, &w, "")
	if err == nil && a.status/100 != 2 {
		err = fmt.Errorf("%w %d for %s %s %s: %.300s", errStatus, a.status, method, uri, body, a.body)
	}
	return a.body, err
}

func (e endpoint) newClient() client {
	if e.sdk {
		return newSDKClient(e)
	}
	return &rawClient{endpoint: e, conns: make(map[string]*connection), tickets: make(map[string]ticket),
		signer: signer{access: e.access, secret: e.secret, region: e.region}}
}

// rawClient speaks HTTP by hand.
type rawClient struct {
	endpoint
	signer  signer
	conns   map[string]*connection
	head    []byte
	tickets map[string]ticket // by method and key, where requests go directly
	timed   bool
}

// ticket is where a redirect pointed.
type ticket struct {
	host, uri string
	until     time.Time
}

// ticketLife is how long a redirect is used again, less than AIS' five minutes.
const ticketLife = 4 * time.Minute

func (c *rawClient) close() {
	for _, conn := range c.conns {
		conn.close()
	}
}

// wire is a request as HTTP.
type wire struct {
	method, key, query string
	headers            []string // "name:value", in lower case, signed
	body               []byte
	keep               bool // the answer's body or ETag is wanted
}

var errStatus = errors.New("unexpected status")

func (c *rawClient) do(_ context.Context, r *request) (result, error) {
	w := wireOf(c.bucket, r)
	a, err := c.exchange(&w, r.op)
	if err != nil {
		return result{}, err
	}
	good := a.status/100 == 2 || r.op == opMakeBucket && a.status == 409
	if r.op == opRedirect {
		good = a.status == 307
	}
	if !good {
		return result{}, fmt.Errorf("%w %d for %s %s: %.300s", errStatus, a.status, w.method, r.key, a.body)
	}
	res := result{bytes: int64(len(r.body)), etag: a.etag, first: a.first}
	switch r.op {
	case opGet, opRange:
		res.bytes = a.length
		if a.length != r.length {
			return result{}, fmt.Errorf("%d bytes of %s, want %d", a.length, r.key, r.length)
		}
	case opCreate:
		res.upload = element(a.body, "UploadId")
	case opList:
		res.keys = strings.Count(string(a.body), "<Key>") + strings.Count(string(a.body), "<CommonPrefixes>")
	case opMultiDelete, opCopy, opComplete:
		if strings.Contains(string(a.body), "<Error>") {
			return result{}, fmt.Errorf("%s: %.300s", r.op, a.body)
		}
	}
	return res, nil
}

func element(body []byte, name string) string {
	_, rest, _ := strings.Cut(string(body), "<"+name+">")
	text, _, _ := strings.Cut(rest, "</"+name+">")
	return text
}

// wireOf is a request as S3 wants it.
func wireOf(bucket string, r *request) wire {
	w := wire{method: "GET", key: r.key}
	switch r.op {
	case opMakeBucket:
		w.method = "PUT"
	case opPut:
		w.method, w.body = "PUT", r.body
	case opRange:
		w.headers = []string{fmt.Sprintf("range:bytes=%d-%d", r.offset, r.offset+r.length-1)}
	case opHead:
		w.method = "HEAD"
	case opDelete:
		w.method = "DELETE"
	case opCopy:
		w.method, w.keep = "PUT", true
		w.headers = []string{"x-amz-copy-source:/" + bucket + "/" + r.source}
	case opList:
		w.query = fmt.Sprintf("delimiter=%s&list-type=2&max-keys=%d&prefix=bench%%2F&start-after=%s", escape(r.delimiter, false), r.maxKeys, escape(r.after, false))
		w.keep = true
	case opCreate:
		w.method, w.query, w.keep = "POST", "uploads=", true
	case opPart:
		w.method, w.query, w.body, w.keep = "PUT", fmt.Sprintf("partNumber=%d&uploadId=%s", r.part, escape(r.upload, false)), r.body, true
	case opComplete:
		var b strings.Builder
		b.WriteString("<CompleteMultipartUpload>")
		for i, etag := range r.etags {
			fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, etag)
		}
		b.WriteString("</CompleteMultipartUpload>")
		w.method, w.query, w.body, w.keep = "POST", "uploadId="+escape(r.upload, false), []byte(b.String()), true
	case opMultiDelete:
		var b strings.Builder
		b.WriteString("<Delete><Quiet>true</Quiet>")
		for _, k := range r.keys {
			b.WriteString("<Object><Key>" + k + "</Key></Object>")
		}
		b.WriteString("</Delete>")
		w.method, w.query, w.body, w.keep = "POST", "delete=", []byte(b.String()), true
		w.headers = []string{"content-md5:" + contentMD5(w.body)}
	}
	return w
}

// exchange sends a request where it belongs and returns the answer. A kept
// connection that turns out to be closed is replaced once.
func (c *rawClient) exchange(w *wire, op operation) (answer, error) {
	path := c.path + "/" + c.bucket
	if w.key != "" {
		path += "/" + escape(w.key, true)
	}
	if c.direct && w.key != "" || op == opRedirect {
		return c.direct1(w, path, op)
	}
	uri := path
	if w.query != "" {
		uri += "?" + w.query
	}
	return c.try(c.host, uri, path, w, "")
}

// direct1 goes straight to the server that a redirect named, after it has asked
// for that redirect once.
func (c *rawClient) direct1(w *wire, path string, op operation) (answer, error) {
	uri := path
	if w.query != "" {
		uri += "?" + w.query
	}
	id := w.method + uri
	if t, ok := c.tickets[id]; ok && op != opRedirect && time.Now().Before(t.until) {
		return c.try(t.host, t.uri, path, w, "")
	}
	extra := "X-Ais-Redirect: follow\r\n"
	if len(w.body) > 0 {
		extra += "Expect: 100-continue\r\n"
	}
	a, err := c.try(c.host, uri, path, w, extra)
	if err != nil || a.status != 307 || op == opRedirect {
		return a, err
	}
	u, err := url.Parse(a.location)
	if err != nil || u.Host == "" {
		return a, fmt.Errorf("redirected to %q (%v)", a.location, err)
	}
	t := ticket{host: u.Host, uri: u.RequestURI(), until: time.Now().Add(ticketLife)}
	c.tickets[id] = t
	return c.try(t.host, t.uri, path, w, "")
}

func (c *rawClient) try(host, uri, path string, w *wire, extra string) (answer, error) {
	c.appendHead(host, uri, path, w, extra)
	for fresh := false; ; fresh = true {
		conn := c.conns[host]
		if conn == nil || fresh {
			var err error
			if conn, err = dial(host, c.secure); err != nil {
				return answer{}, err
			}
			conn.timed = c.timed
			c.conns[host] = conn
			fresh = true
		}
		a, err := c.once(conn, w, extra)
		if err != nil || a.closes {
			conn.close()
			delete(c.conns, host)
		}
		if err == nil || fresh {
			return a, err
		}
	}
}

func (c *rawClient) once(conn *connection, w *wire, extra string) (answer, error) {
	body, expects := w.body, strings.Contains(extra, "Expect")
	if c.payloadOf(w) == payloadChunks {
		body = c.signer.frame(w.body)
	}
	whole := body
	if expects {
		body = nil
	}
	if err := conn.send(c.head, body); err != nil {
		return answer{}, err
	}
	a, err := conn.receive(w.method == "HEAD", w.keep)
	if err == nil && expects && a.status == 100 {
		if err = conn.send(whole, nil); err == nil {
			a, err = conn.receive(false, w.keep)
		}
	}
	return a, err
}

func (c *rawClient) appendHead(host, uri, path string, w *wire, extra string) {
	h := append(c.head[:0], w.method...)
	h = append(h, ' ')
	h = append(h, uri...)
	h = append(h, " HTTP/1.1\r\nHost: "...)
	h = append(h, host...)
	h = append(h, "\r\nUser-Agent: ais-bench\r\n"...)
	for _, line := range w.headers {
		name, value, _ := strings.Cut(line, ":")
		h = append(h, name...)
		h = append(h, ": "...)
		h = append(h, value...)
		h = append(h, "\r\n"...)
	}
	if w.method == "PUT" || w.method == "POST" || w.method == "PATCH" {
		h = append(h, "Content-Length: "...)
		h = strconv.AppendInt(h, int64(c.framed(w)), 10)
		h = append(h, "\r\n"...)
	}
	h = append(h, extra...)
	switch {
	case c.access != "":
		h = c.signer.sign(h, time.Now(), host, path, w, c.payloadOf(w))
	case c.payloadOf(w) == payloadSHA256:
		h = append(h, "x-amz-content-sha256: "+c.signer.digest(w.body)+"\r\n"...)
	}
	c.head = append(h, "\r\n"...)
}

// payloadOf is how the body of w is announced: only large ones are as asked for.
func (c *rawClient) payloadOf(w *wire) payload {
	if w.method != "PUT" || len(w.body) == 0 {
		return payloadUnsigned
	}
	return c.payload
}

// framed is the length of w's body as it is sent.
func (c *rawClient) framed(w *wire) int {
	if c.payloadOf(w) == payloadChunks {
		return chunkedLength(len(w.body))
	}
	return len(w.body)
}
