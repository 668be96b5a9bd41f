package backendtest

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ais/backend"
	"ais/object"
)

// Mem is a remote bucket in memory, one of a store that can have several. It does
// what every Backend promises, and what a test tells it to: its Hook can fail,
// delay or hold any operation, its Wrap can bend what is read.
type Mem struct {
	name  string
	store *memStore
}

// The operations, as Hook and Calls name them.
const (
	OpInfo     = "info"
	OpList     = "list"
	OpHead     = "head"
	OpGet      = "get"
	OpPut      = "put"
	OpDelete   = "delete"
	OpBegin    = "begin"
	OpPart     = "part"
	OpComplete = "complete"
	OpAbort    = "abort"
	OpCopy     = "copy"
)

type memStore struct {
	mu      sync.Mutex // guards the rest
	buckets map[string]*memBucket
	hook    func(ctx context.Context, op, key string) error
	wrap    func(key string, r io.ReadCloser) io.ReadCloser
	calls   map[string]int // by op, and by op and key with a blank between
	ids     int            // versions and uploads given
}

type memBucket struct {
	versioned bool
	region    string
	objects   map[string][]memVersion // the newest first
	uploads   map[string]*memUpload
}

type memVersion struct {
	meta   backend.Meta
	body   []byte
	marker bool
}

type memUpload struct {
	key   string
	meta  object.Meta
	parts map[int]memPart
}

type memPart struct {
	etag string
	body []byte
}

// NewMem returns an empty bucket in a store of its own.
func NewMem() *Mem {
	s := &memStore{buckets: map[string]*memBucket{}, calls: map[string]int{}}
	return (&Mem{store: s}).Bucket("mem")
}

// Bucket returns another bucket of the same store, made if it is not there.
func (m *Mem) Bucket(name string) *Mem {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	if m.store.buckets[name] == nil {
		m.store.buckets[name] = &memBucket{region: "us-east-1", objects: map[string][]memVersion{}, uploads: map[string]*memUpload{}}
	}
	return &Mem{name: name, store: m.store}
}

// Name returns the bucket's name.
func (m *Mem) Name() string { return m.name }

// Open is a backend.Open: the bucket of that name in the same store, which need not
// be there.
func (m *Mem) Open(c backend.Config) (backend.Backend, error) {
	return &Mem{name: c.Bucket, store: m.store}, nil
}

// Hook makes f be called before every operation of the store, with no lock held; an
// error of its is the operation's. Of a deletion of several keys it is called once
// for each, and the errors are theirs.
func (m *Mem) Hook(f func(ctx context.Context, op, key string) error) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	m.store.hook = f
}

// Wrap makes f stand between every body that is read and its reader.
func (m *Mem) Wrap(f func(key string, r io.ReadCloser) io.ReadCloser) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	m.store.wrap = f
}

// KeepVersions switches the bucket's versioning on or off.
func (m *Mem) KeepVersions(on bool) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	m.store.buckets[m.name].versioned = on
}

// Calls returns how often op was asked for; of key only, where one is given.
func (m *Mem) Calls(op string, key ...string) int {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	return m.store.calls[strings.Join(append([]string{op}, key...), " ")]
}

// Set writes an object as somebody else would: past Hook and Calls, without AIS's
// metadata.
func (m *Mem) Set(key, body string) backend.Meta {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	return m.store.add(m.store.buckets[m.name], key, object.Meta{}, []byte(body), "")
}

// Drop removes an object as somebody else would: past Hook and Calls.
func (m *Mem) Drop(key string) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	m.store.remove(m.store.buckets[m.name], key)
}

// Body returns the content of an object; ok is false where there is none.
func (m *Mem) Body(key string) (body string, ok bool) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	v, err := m.store.buckets[m.name].version(key, "")
	if err != nil {
		return "", false
	}
	return string(v.body), true
}

// Keys returns the keys of all objects, in order.
func (m *Mem) Keys() []string {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	return m.store.buckets[m.name].keys()
}

// begin counts an operation and lets the hook have its say.
func (m *Mem) begin(ctx context.Context, op, key string) error {
	m.store.mu.Lock()
	m.store.calls[op]++
	m.store.calls[op+" "+key]++
	hook := m.store.hook
	m.store.mu.Unlock()
	if hook != nil {
		if err := hook(ctx, op, key); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return object.E("mem."+op, key, object.Unavailable, err)
	}
	return nil
}

// lock returns the bucket, with the store locked unless there is an error.
func (m *Mem) lock(op, key string) (*memBucket, error) {
	m.store.mu.Lock()
	if b := m.store.buckets[m.name]; b != nil {
		return b, nil
	}
	m.store.mu.Unlock()
	return nil, object.E("mem."+op, m.name, object.NoSuchBucket, &backend.Error{Status: http.StatusNotFound, Code: "NoSuchBucket", Message: key})
}

func (b *memBucket) keys() []string {
	var keys []string
	for key, versions := range b.objects {
		if len(versions) > 0 && !versions[0].marker {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (b *memBucket) version(key, id string) (*memVersion, error) {
	versions := b.objects[key]
	if id == "" {
		if len(versions) == 0 || versions[0].marker {
			return nil, object.NotFound
		}
		return &versions[0], nil
	}
	for i := range versions {
		if versions[i].meta.Version != id {
			continue
		}
		if versions[i].marker {
			return nil, object.DeleteMarked
		}
		return &versions[i], nil
	}
	return nil, object.NoSuchVersion
}

// current returns what a condition is checked against.
func (b *memBucket) current(key string) *object.Meta {
	v, err := b.version(key, "")
	if err != nil {
		return nil
	}
	return &v.meta.Meta
}

func (s *memStore) id(prefix string) string {
	s.ids++
	return prefix + strconv.Itoa(s.ids)
}

// add writes a version; etag "" is the content's MD5.
func (s *memStore) add(b *memBucket, key string, from object.Meta, body []byte, etag string) backend.Meta {
	if etag == "" {
		etag = etagOf(body)
	}
	from = from.Clone()
	m := backend.Meta{Digest: from.Checksum, Meta: object.Meta{
		Size: int64(len(body)), Modified: time.Now().UTC().Truncate(time.Second), ETag: etag,
		StorageClass: from.StorageClass, Header: from.Header, User: from.User, Tags: from.Tags,
	}}
	if b.versioned {
		m.Version = s.id("version")
		b.objects[key] = slices.Insert(b.objects[key], 0, memVersion{meta: m, body: body})
	} else {
		b.objects[key] = []memVersion{{meta: m, body: body}}
	}
	return m
}

func (s *memStore) remove(b *memBucket, key string) {
	if !b.versioned {
		delete(b.objects, key)
		return
	}
	marker := memVersion{marker: true, meta: backend.Meta{Version: s.id("version")}}
	b.objects[key] = slices.Insert(b.objects[key], 0, marker)
}

func etagOf(body []byte) string {
	sum := md5.Sum(body)
	return hex.EncodeToString(sum[:])
}

// given returns m as a caller gets it: no map shared, no tags.
func given(m backend.Meta) backend.Meta {
	m.User, m.Tags = maps.Clone(m.User), nil
	return m
}

// Info implements backend.Backend.
func (m *Mem) Info(ctx context.Context) (backend.Info, error) {
	if err := m.begin(ctx, OpInfo, ""); err != nil {
		return backend.Info{}, err
	}
	b, err := m.lock(OpInfo, "")
	if err != nil {
		return backend.Info{}, err
	}
	defer m.store.mu.Unlock()
	return backend.Info{Region: b.region, Versioned: b.versioned}, nil
}

// List implements backend.Backend.
func (m *Mem) List(ctx context.Context, q object.Query) (object.Page, error) {
	if err := m.begin(ctx, OpList, q.Prefix); err != nil {
		return object.Page{}, err
	}
	if q.Versions {
		return object.Page{}, object.E("mem.list", q.Prefix, object.Unsupported, nil)
	}
	b, err := m.lock(OpList, q.Prefix)
	if err != nil {
		return object.Page{}, err
	}
	defer m.store.mu.Unlock()
	var p object.Page
	for _, key := range b.keys() {
		if !strings.HasPrefix(key, q.Prefix) || key <= q.After || q.SkipsUnder() && strings.HasPrefix(key, q.After) {
			continue
		}
		v := b.objects[key][0]
		e := object.Entry{Key: key, Meta: object.Meta{Size: v.meta.Size, ETag: v.meta.ETag, Modified: v.meta.Modified, StorageClass: v.meta.StorageClass}}
		if prefix := q.CommonPrefix(key); prefix != "" {
			e = object.Entry{Key: prefix, Prefix: true}
			if p.Next() == prefix {
				continue
			}
		}
		if len(p.Entries) == min(q.Limit, maxPage) {
			p.Truncated = q.Limit > 0
			break
		}
		p.Entries = append(p.Entries, e)
	}
	return p, nil
}

// maxPage is the most entries that a store puts in a page.
const maxPage = 1000

// Head implements backend.Backend.
func (m *Mem) Head(ctx context.Context, key, version string) (backend.Meta, error) {
	if err := m.begin(ctx, OpHead, key); err != nil {
		return backend.Meta{}, err
	}
	b, err := m.lock(OpHead, key)
	if err != nil {
		return backend.Meta{}, err
	}
	defer m.store.mu.Unlock()
	v, err := b.version(key, version)
	if err != nil {
		return backend.Meta{}, object.E("mem.head", key, object.KindOf(err), nil)
	}
	return given(v.meta), nil
}

// Get implements backend.Backend.
func (m *Mem) Get(ctx context.Context, key string, o backend.GetOptions) (*backend.Object, error) {
	if err := m.begin(ctx, OpGet, key); err != nil {
		return nil, err
	}
	b, err := m.lock(OpGet, key)
	if err != nil {
		return nil, err
	}
	defer m.store.mu.Unlock()
	v, err := b.version(key, o.Version)
	if err == nil {
		err = object.Cond{IfMatch: o.IfMatch}.CheckRead(&v.meta.Meta)
	}
	r := object.Range{Length: int64(len(v.bytes()))}
	if o.Range != nil && err == nil {
		r, err = clip(*o.Range, r.Length)
	}
	if err != nil {
		return nil, object.E("mem.get", key, object.KindOf(err), nil)
	}
	body := io.NopCloser(bytes.NewReader(v.body[r.Offset : r.Offset+r.Length]))
	if m.store.wrap != nil {
		body = m.store.wrap(key, body)
	}
	return &backend.Object{Meta: given(v.meta), Range: r, Body: body}, nil
}

func (v *memVersion) bytes() []byte {
	if v == nil {
		return nil
	}
	return v.body
}

// clip cuts a range to an object of size bytes. Error: RangeInvalid.
func clip(r object.Range, size int64) (object.Range, error) {
	if r.Offset >= size {
		return object.Range{}, object.RangeInvalid
	}
	if left := size - r.Offset; r.Length < 0 || r.Length > left {
		r.Length = left
	}
	return r, nil
}

// Put implements backend.Backend.
func (m *Mem) Put(ctx context.Context, key string, o backend.PutOptions) (backend.Meta, error) {
	if err := m.begin(ctx, OpPut, key); err != nil {
		return backend.Meta{}, err
	}
	body, err := readBody(key, o.Body, o.Size)
	if err != nil {
		return backend.Meta{}, err
	}
	b, err := m.lock(OpPut, key)
	if err != nil {
		return backend.Meta{}, err
	}
	defer m.store.mu.Unlock()
	if err := o.Cond.CheckWrite(b.current(key)); err != nil {
		return backend.Meta{}, object.E("mem.put", key, object.KindOf(err), nil)
	}
	added := m.store.add(b, key, o.Meta, body, "")
	return backend.Meta{Version: added.Version, Meta: object.Meta{ETag: added.ETag, Size: added.Size}}, nil
}

func readBody(key string, r io.Reader, size int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, size))
	if err != nil {
		return nil, object.E("mem.read", key, object.Internal, err)
	}
	if int64(len(body)) != size {
		return nil, object.E("mem.read", key, object.Incomplete, nil)
	}
	return body, nil
}

// Delete implements backend.Backend.
func (m *Mem) Delete(ctx context.Context, keys []string) []error {
	errs := make([]error, len(keys))
	for i, key := range keys {
		errs[i] = m.delete(ctx, key)
	}
	return errs
}

func (m *Mem) delete(ctx context.Context, key string) error {
	if err := m.begin(ctx, OpDelete, key); err != nil {
		return err
	}
	b, err := m.lock(OpDelete, key)
	if err != nil {
		return err
	}
	defer m.store.mu.Unlock()
	m.store.remove(b, key)
	return nil
}

// Copy implements backend.Copier.
func (m *Mem) Copy(ctx context.Context, bucket, from, version, key string, meta *object.Meta) (backend.Meta, error) {
	if err := m.begin(ctx, OpCopy, key); err != nil {
		return backend.Meta{}, err
	}
	to, err := m.lock(OpCopy, key)
	if err != nil {
		return backend.Meta{}, err
	}
	defer m.store.mu.Unlock()
	source := m.store.buckets[bucket]
	if source == nil {
		return backend.Meta{}, object.E("mem.copy", bucket, object.NoSuchBucket, nil)
	}
	v, err := source.version(from, version)
	if err != nil {
		return backend.Meta{}, object.E("mem.copy", from, object.KindOf(err), nil)
	}
	as := v.meta.Meta
	as.Checksum = v.meta.Digest
	if meta != nil {
		as = *meta
	}
	return given(m.store.add(to, key, as, v.body, "")), nil
}

var errPartNumber = errors.New("a part's number is 1 to 10000")

// Uploads implements backend.Backend.
func (m *Mem) Uploads() backend.Uploads { return memUploads{m} }

type memUploads struct{ m *Mem }

// Begin implements backend.Uploads.
func (u memUploads) Begin(ctx context.Context, key string, meta object.Meta) (string, error) {
	if err := u.m.begin(ctx, OpBegin, key); err != nil {
		return "", err
	}
	b, err := u.m.lock(OpBegin, key)
	if err != nil {
		return "", err
	}
	defer u.m.store.mu.Unlock()
	id := u.m.store.id("upload")
	b.uploads[id] = &memUpload{key: key, meta: meta.Clone(), parts: map[int]memPart{}}
	return id, nil
}

func (b *memBucket) upload(op, key, id string) (*memUpload, error) {
	if up := b.uploads[id]; up != nil && up.key == key {
		return up, nil
	}
	return nil, object.E("mem."+op, key, object.NoSuchUpload, nil)
}

// Put implements backend.Uploads.
func (u memUploads) Put(ctx context.Context, key, id string, number int, body io.ReadSeeker, size int64) (string, error) {
	if err := u.m.begin(ctx, OpPart, key); err != nil {
		return "", err
	}
	if number < 1 || number > object.MaxParts {
		return "", object.E("mem.part", key, object.Invalid, errPartNumber)
	}
	data, err := readBody(key, body, size)
	if err != nil {
		return "", err
	}
	b, err := u.m.lock(OpPart, key)
	if err != nil {
		return "", err
	}
	defer u.m.store.mu.Unlock()
	up, err := b.upload(OpPart, key, id)
	if err != nil {
		return "", err
	}
	up.parts[number] = memPart{etag: etagOf(data), body: data}
	return up.parts[number].etag, nil
}

// Complete implements backend.Uploads.
func (u memUploads) Complete(ctx context.Context, key, id string, listed []object.Listed, cond object.Cond) (backend.Meta, error) {
	if err := u.m.begin(ctx, OpComplete, key); err != nil {
		return backend.Meta{}, err
	}
	b, err := u.m.lock(OpComplete, key)
	if err != nil {
		return backend.Meta{}, err
	}
	defer u.m.store.mu.Unlock()
	up, err := b.upload(OpComplete, key, id)
	if err != nil {
		return backend.Meta{}, err
	}
	var have []object.Part
	for _, number := range slices.Sorted(maps.Keys(up.parts)) {
		p := up.parts[number]
		have = append(have, object.Part{Number: number, Size: int64(len(p.body)), ETag: p.etag})
	}
	chosen, err := object.CheckParts(listed, have, object.MinPartSize)
	if err == nil {
		err = cond.CheckWrite(b.current(key))
	}
	if err != nil {
		return backend.Meta{}, object.E("mem.complete", key, object.KindOf(err), err)
	}
	var body []byte
	for _, p := range chosen {
		body = append(body, up.parts[p.Number].body...)
	}
	delete(b.uploads, id)
	added := u.m.store.add(b, key, up.meta, body, object.MultipartETag(chosen))
	return backend.Meta{Version: added.Version, Meta: object.Meta{ETag: added.ETag, Size: added.Size}}, nil
}

// Abort implements backend.Uploads.
func (u memUploads) Abort(ctx context.Context, key, id string) error {
	if err := u.m.begin(ctx, OpAbort, key); err != nil {
		return err
	}
	b, err := u.m.lock(OpAbort, key)
	if err != nil {
		return err
	}
	defer u.m.store.mu.Unlock()
	delete(b.uploads, id)
	return nil
}

// OpenUploads returns how many uploads have begun and not ended.
func (m *Mem) OpenUploads() int {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	return len(m.store.buckets[m.name].uploads)
}
