package e2e

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ais/internal/history"
)

// workload is what the clients of one run share: where they work, and what they wrote.
type workload struct {
	c       *Cluster
	h       *history.History
	seed    uint64
	buckets []string
	keys    []string // the same in each bucket
	ids     atomic.Uint64
	values  sync.Map // id → written
}

// written is a value that somebody may have written.
type written struct {
	history.Value
	part int // size of the first of two parts of an upload, 0 is none
}

// data returns the bytes of a value; each has its own.
func (w *workload) data(v written) []byte { return random(w.seed^v.ID<<20, int(v.Size)) }

// fresh makes a value that nobody wrote before.
func (w *workload) fresh(r *rand.Rand, parts bool) (written, []byte) {
	v := written{Value: history.Value{ID: w.ids.Add(1), Size: []int64{0, 100, 100, 40_000, 40_000, 300_000}[r.IntN(6)]}}
	if parts {
		v.Size = 1 + []int64{100, 300_000}[r.IntN(2)]
		if r.IntN(8) == 0 { // only a first part of 5 MiB may have a second
			v.part = partSize
			v.Size += partSize
		}
	}
	data := w.data(v)
	v.ETag = md5hex(data)
	if parts {
		sums := data[:0:0]
		for _, part := range split(data, v.part) {
			sums = append(sums, md5sum(part)...)
		}
		v.ETag = fmt.Sprintf("%s-%d", md5hex(sums), len(split(data, v.part)))
	}
	w.values.Store(v.ID, v)
	return v, data
}

// split cuts an upload into its parts.
func split(data []byte, first int) [][]byte {
	if first == 0 {
		return [][]byte{data}
	}
	return [][]byte{data[:first], data[first:]}
}

// idHeader is the metadata that says which value an object is.
const idHeader = "X-Amz-Meta-Value"

// client is one client, who does one thing after the other and repeats nothing.
type client struct {
	w     *workload
	id    int
	r     *rand.Rand
	nodes []string
	at    map[string]plain
	goes  bool              // to the target that a proxy names, instead of being relayed
	seen  map[string]string // the last ETag seen, by bucket/key
}

func (w *workload) client(id int, nodes []string, timeout time.Duration) *client {
	k := &client{w: w, id: id, r: rand.New(rand.NewPCG(w.seed, uint64(id)+100)), nodes: nodes, at: map[string]plain{}, seen: map[string]string{}}
	for _, n := range nodes {
		p := newPlain("http://" + w.c.nodeNamed(n).public() + "/s3")
		p.http.Timeout = timeout
		k.at[n] = p
	}
	return k
}

// run works until stop is closed. After an answer that says nothing it waits a little, as
// clients do: what is in doubt at once is what makes a history hard to judge.
func (k *client) run(stop <-chan struct{}) {
	for {
		pause := time.Duration(0)
		if !k.step() {
			pause = time.Duration(100+k.r.IntN(300)) * time.Millisecond
		}
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
	}
}

// watch reads from one target after the other until stop is closed, and waits for none: a
// target that others have replaced, because it slept or lost etcd, is asked what it knows
// as soon as it can say anything, while the other clients still wait for it.
func (k *client) watch(stop <-chan struct{}) {
	for {
		bucket, key := k.w.buckets[k.r.IntN(len(k.w.buckets))], k.w.keys[k.r.IntN(len(k.w.keys))]
		how := []string{"GET", "HEAD"}[k.r.IntN(2)]
		k.get(history.Op{Client: k.id, Node: k.nodes[k.r.IntN(len(k.nodes))], Bucket: bucket, Key: key}, how)
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(10+k.r.IntN(20)) * time.Millisecond):
		}
	}
}

// step does one random operation and reports whether it was answered.
func (k *client) step() bool {
	bucket, key := k.w.buckets[k.r.IntN(len(k.w.buckets))], k.w.keys[k.r.IntN(len(k.w.keys))]
	node := k.nodes[k.r.IntN(len(k.nodes))]
	op := history.Op{Client: k.id, Node: node, Bucket: bucket, Key: key}
	switch n := k.r.IntN(100); {
	case n < 26:
		return k.put(op)
	case n < 34:
		op.IfAbsent = true
		return k.put(op)
	case n < 42:
		if op.IfMatch = k.seen[bucket+"/"+key]; op.IfMatch == "" {
			return k.get(op, "HEAD")
		}
		return k.put(op)
	case n < 50:
		return k.remove(op)
	case n < 53:
		return k.upload(op)
	case n < 78:
		return k.get(op, "GET")
	case n < 82:
		return k.get(op, "RANGE")
	case n < 88:
		return k.get(op, "HEAD")
	case n < 94:
		return k.list(node, bucket, 1000)
	}
	return k.list(node, bucket, 2+k.r.IntN(3))
}

// send sends one request; ok is false where nothing was learned.
func (k *client) send(node, method, target string, body []byte, headers ...string) (a answer, note string, ok bool) {
	if k.goes {
		headers = append(headers, "X-Ais-Redirect: follow")
	}
	p := k.at[node]
	a, err := p.request(method, target, bytes.NewReader(body), headers...)
	note = fmt.Sprintf("%s %d %s", method, a.status, a.code)
	if err == nil && a.status == http.StatusTemporaryRedirect {
		scheme, rest, _ := strings.Cut(a.header.Get("Location"), "://")
		host, path, _ := strings.Cut(rest, "/")
		p.endpoint = scheme + "://" + host
		a, err = p.request(method, "/"+path, bytes.NewReader(body), headers...)
		note = fmt.Sprintf("%s to %s %d %s", method, host, a.status, a.code)
	}
	if err != nil {
		return a, note + " " + clip(err.Error(), 120), false
	}
	return a, note, a.status < 500
}

func (k *client) target(op history.Op) string { return "/" + op.Bucket + "/" + escape(op.Key) }

func (k *client) put(op history.Op) bool {
	v, data := k.w.fresh(k.r, false)
	op.Kind, op.Value, op.Start = history.Write, v.Value, k.w.h.Now()
	headers := []string{fmt.Sprintf("%s: %d", idHeader, v.ID)}
	if op.IfAbsent {
		headers = append(headers, "If-None-Match: *")
	}
	if op.IfMatch != "" {
		headers = append(headers, `If-Match: "`+op.IfMatch+`"`)
	}
	a, note, ok := k.send(op.Node, "PUT", k.target(op), data, headers...)
	if ok && a.status == 200 && strings.Trim(a.header.Get("ETag"), `"`) != v.ETag {
		k.w.h.Wrong("client %d: %s/%s: the ETag of a write is %s, not %s", k.id, op.Bucket, op.Key, a.header.Get("ETag"), v.ETag)
	}
	return k.wrote(op, a, note, ok)
}

// wrote records the outcome of a write or removal.
func (k *client) wrote(op history.Op, a answer, note string, ok bool) bool {
	op.End, op.Note = k.w.h.Now(), note
	switch {
	case !ok:
		op.Outcome = history.Unknown
	case a.status == 200 || a.status == 204:
		op.Outcome = history.Done
		k.seen[op.Bucket+"/"+op.Key] = op.Value.ETag
	case a.status == 412 && (op.IfAbsent || op.IfMatch != ""):
		op.Outcome = history.Refused
	case a.status == 404 && a.code == "NoSuchKey" && op.IfMatch != "":
		op.Outcome = history.Missing
	default:
		op.Outcome = history.Unknown
		k.w.h.Wrong("client %d at %s: %s/%s: %s: %v", k.id, op.Node, op.Bucket, op.Key, op.Note, a)
	}
	k.w.h.Add(op)
	return ok
}

func (k *client) remove(op history.Op) bool {
	op.Kind, op.Start = history.Remove, k.w.h.Now()
	a, note, ok := k.send(op.Node, "DELETE", k.target(op), nil)
	return k.wrote(op, a, note, ok)
}

// upload writes by a multipart upload. Only its completion is the write; parts that fail
// end it, and are no operation.
func (k *client) upload(op history.Op) bool {
	v, data := k.w.fresh(k.r, true)
	a, _, ok := k.send(op.Node, "POST", k.target(op)+"?uploads", nil, fmt.Sprintf("%s: %d", idHeader, v.ID))
	if !ok {
		return false
	}
	var doc struct{ UploadId string } //nolint:revive // its name in S3
	if err := xml.Unmarshal(a.body, &doc); err != nil || a.status != 200 {
		k.w.h.Wrong("client %d at %s: beginning an upload: %v", k.id, op.Node, a)
		return true
	}
	u := &upload{id: doc.UploadId, partSum: map[int]string{}}
	parts := split(data, v.part)
	numbers := []int{1, 2}[:len(parts)]
	for i, part := range parts {
		a, _, ok := k.send(k.nodes[k.r.IntN(len(k.nodes))], "PUT", fmt.Sprintf("%s?partNumber=%d&%s", k.target(op), i+1, u.query()), part)
		if !ok {
			return false
		}
		if a.status != 200 {
			k.w.h.Wrong("client %d at %s: part %d of an upload that was begun: %v", k.id, op.Node, i+1, a)
			return true
		}
		u.partSum[i+1] = a.header.Get("ETag")
	}
	op.Kind, op.Value, op.Start = history.Write, v.Value, k.w.h.Now()
	a, note, ok := k.send(op.Node, "POST", k.target(op)+"?"+u.query(), u.manifest(numbers...))
	if ok && a.status == 200 && a.code != "" { // an error after the head was sent
		ok = false
	}
	return k.wrote(op, a, note+" upload", ok)
}

// get reads the object (GET), part of it (RANGE), or its head (HEAD).
func (k *client) get(op history.Op, how string) bool {
	op.Kind, op.Start = history.Read, k.w.h.Now()
	method, headers := how, []string(nil)
	first := k.r.IntN(90)
	if how == "RANGE" {
		method, headers = "GET", []string{fmt.Sprintf("Range: bytes=%d-%d", first, first+50_000)}
	}
	a, note, ok := k.send(op.Node, method, k.target(op), nil, headers...)
	op.End, op.Note = k.w.h.Now(), strings.Replace(note, "GET", how, 1)
	switch {
	case a.status == 200 || a.status == 206:
		op.Value = k.check(op, how, first, a, ok)
	case a.status == 404 && (a.code == "NoSuchKey" || how == "HEAD"):
	case a.status == 416 && how == "RANGE": // an empty object, or a short one: its head says which
		return k.get(op, "HEAD")
	case ok:
		k.w.h.Wrong("client %d at %s: %s/%s: %s: %v", k.id, op.Node, op.Bucket, op.Key, how, a)
		return true
	}
	if ok {
		k.seen[op.Bucket+"/"+op.Key] = op.Value.ETag
	} else {
		op.Outcome = history.Unknown
	}
	k.w.h.Add(op)
	return ok
}

// check returns the value that was read, and says where its bytes are not those that were written.
func (k *client) check(op history.Op, how string, first int, a answer, whole bool) history.Value {
	id, _ := strconv.ParseUint(a.header.Get(idHeader), 10, 64)
	known, ok := k.w.values.Load(id)
	if !ok {
		k.w.h.Wrong("client %d at %s: %s/%s: %s: value %q was never written", k.id, op.Node, op.Bucket, op.Key, how, a.header.Get(idHeader))
		return history.Value{}
	}
	v := known.(written)
	want := k.w.data(v)
	if how == "RANGE" {
		want = want[min(first, len(want)):min(first+50_001, len(want))]
	}
	size, etag := a.header.Get("Content-Length"), strings.Trim(a.header.Get("ETag"), `"`)
	switch {
	case etag != v.ETag || size != strconv.Itoa(len(want)):
		k.w.h.Wrong("client %d at %s: %s/%s: %s of v%d: ETag %s, %s bytes, not %s, %d", k.id, op.Node, op.Bucket, op.Key, how, id, etag, size, v.ETag, len(want))
	case how == "HEAD":
	case whole && !bytes.Equal(a.body, want) || !bytes.HasPrefix(want, a.body):
		k.w.h.Wrong("client %d at %s: %s/%s: %s of v%d: the %d bytes are not those that were written", k.id, op.Node, op.Bucket, op.Key, how, id, len(a.body))
	}
	return v.Value
}

// list lists a bucket page by page.
func (k *client) list(node, bucket string, size int) bool {
	after, token := "", ""
	for range 100 {
		p := history.Page{Client: k.id, Node: node, Bucket: bucket, After: after, ETags: map[string]string{}, Start: k.w.h.Now()}
		q := url.Values{"list-type": {"2"}, "max-keys": {strconv.Itoa(size)}}
		if token != "" {
			q.Set("continuation-token", token)
		}
		a, _, ok := k.send(node, "GET", "/"+bucket+"?"+q.Encode(), nil)
		if !ok {
			return false
		}
		var page listPage
		if err := xml.Unmarshal(a.body, &page); err != nil || a.status != http.StatusOK {
			k.w.h.Wrong("client %d at %s: a listing of %s: %v", k.id, node, bucket, a)
			return true
		}
		for _, e := range page.Contents {
			if e.Key <= after {
				k.w.h.Wrong("client %d at %s: a listing of %s has %s after %s", k.id, node, bucket, e.Key, after)
			}
			after = e.Key
			p.ETags[e.Key] = strings.Trim(e.ETag, `"`)
		}
		if page.IsTruncated {
			p.Through = after
		}
		p.End = k.w.h.Now()
		if len(page.Contents) == 0 && page.IsTruncated { // says nothing about any key
			k.w.h.Wrong("client %d at %s: an empty page of %s that is not the last", k.id, node, bucket)
			return true
		}
		k.w.h.AddPage(p)
		if !page.IsTruncated {
			return true
		}
		token = page.NextContinuationToken
		node = k.nodes[k.r.IntN(len(k.nodes))] // any node goes on with it
	}
	k.w.h.Wrong("client %d: a listing of %s does not end", k.id, bucket)
	return true
}
