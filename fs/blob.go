package fs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"ais/object"
)

// blockSize is how many bytes of payload one checksum covers.
const blockSize = 1 << 20

// footerSize is the length of the fixed end of a blob.
const footerSize = 40

var blobMagic = [8]byte{'A', 'I', 'S', 'B', 'L', 'O', 'B', '1'}

// blobInfo is what a trailer says of the payload before it, for recovery.
type blobInfo struct {
	Name     object.Name
	UploadID string // "" for an object written in one piece
	Number   int    // of the part
	Meta     object.Meta
}

func appendBlobInfo(dst []byte, b *blobInfo) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, beginRights(&b.Meta)), b.Name.Bucket)
	dst = appendString(appendString(dst, b.Name.Key), b.UploadID)
	dst = appendUint(dst, uint64(b.Number))
	dst = appendTime(appendETag(dst, b.Meta.ETag), b.Meta.Modified)
	dst = appendString(dst, b.Meta.StorageClass)
	return appendRights(appendDetails(dst, &b.Meta), &b.Meta)
}

func decodeBlobInfo(s string, b *blobInfo) error {
	d := decoder{s: s}
	version := d.version()
	b.Name.Bucket = d.fixed()
	b.Name.Key, b.UploadID = d.text(), d.text()
	b.Number = int(d.uint() & 0xffffffff)
	b.Meta.ETag, b.Meta.Modified, b.Meta.StorageClass = d.etag(), d.time(), d.text()
	d.details(&b.Meta)
	d.rights(version, &b.Meta)
	return d.err()
}

// trailer is the decoded end of a blob.
type trailer struct {
	Size int64    // of the payload
	Sums []uint64 // xxhash64 of each block; none where the bucket has no checksums
	Info string   // encoded blobInfo
}

func appendTrailer(dst []byte, t *trailer) []byte {
	start := len(dst)
	for _, s := range t.Sums {
		dst = binary.BigEndian.AppendUint64(dst, s)
	}
	dst = append(dst, t.Info...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.Size))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(t.Sums)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(t.Info)))
	dst = binary.BigEndian.AppendUint64(dst, blockSize)
	dst = binary.BigEndian.AppendUint64(dst, object.Hash64(dst[start:]))
	return append(dst, blobMagic[:]...)
}

// readTrailer reads the end of the blob f. It allocates no more than the file is
// long.
func readTrailer(f File) (*trailer, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return readTrailerAt(f, info.Size())
}

// readTrailerAt is readTrailer for a file of all bytes.
func readTrailerAt(f io.ReaderAt, all int64) (*trailer, error) {
	var foot [footerSize]byte
	if all < footerSize {
		return nil, errors.New("the blob has no trailer")
	}
	if _, err := f.ReadAt(foot[:], all-footerSize); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint64(foot[0:])
	sums, length := int64(binary.BigEndian.Uint32(foot[8:])), int64(binary.BigEndian.Uint32(foot[12:]))
	body := 8*sums + length
	switch {
	case [8]byte(foot[32:]) != blobMagic:
		return nil, errors.New("the blob does not end in a trailer")
	case binary.BigEndian.Uint64(foot[16:]) != blockSize:
		return nil, errors.New("the blob's blocks have an unknown size")
	case size > uint64(all) || int64(size)+body+footerSize != all:
		return nil, errors.New("the blob's length does not agree with its trailer")
	case sums != 0 && sums != (int64(size)+blockSize-1)/blockSize:
		return nil, errors.New("the blob has a wrong number of checksums")
	}
	buf := make([]byte, body+24)
	if _, err := f.ReadAt(buf, int64(size)); err != nil {
		return nil, err
	}
	if object.Hash64(buf) != binary.BigEndian.Uint64(foot[24:]) {
		return nil, errors.New("the blob's trailer does not match its checksum")
	}
	t := &trailer{Size: int64(size), Info: string(buf[8*sums : body])}
	for i := range sums {
		t.Sums = append(t.Sums, binary.BigEndian.Uint64(buf[8*i:]))
	}
	return t, nil
}

// blobDirs is a mountpath's blobs/. New blobs go to one of its 256 directories
// until that has had its turn, so that writers at the same time share directory
// syncs, and neighbours in time are neighbours on disk and in the index.
type blobDirs struct {
	os   OS
	root string

	mu      sync.Mutex // guards the rest
	current byte
	count   int

	syncs [256]groupSync
}

// blobsInTurn is how many blobs go to one directory before the next one's turn.
const blobsInTurn = 256

func (b *blobDirs) path(id blobID) string {
	name := id.String()
	return b.root + "/" + name[:2] + "/" + name
}

func (b *blobDirs) dir(i byte) string { return fmt.Sprintf("%s/%02x", b.root, i) }

func (b *blobDirs) next() byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count++; b.count > blobsInTurn {
		b.count = 1
		b.current++
	}
	return b.current
}

// prepare makes the directories that are missing, and makes them durable.
func (b *blobDirs) prepare() error {
	have := make(map[string]bool)
	names, err := b.os.List("blobs.list", b.root)
	if errors.Is(err, os.ErrNotExist) {
		if err = b.os.Mkdir("blobs.mkdir", b.root, 0o755); err != nil {
			return err
		}
		if f, err := b.os.OpenFile("blobs.open", b.root, os.O_RDONLY, 0); err == nil {
			topLevel(f)
			f.Close()
		}
		err = syncDir(b.os, "blobs.syncdir", filepath.Dir(b.root))
	}
	if err != nil {
		return err
	}
	for _, n := range names {
		have[n] = true
	}
	missing := false
	for i := range 256 {
		if have[fmt.Sprintf("%02x", i)] {
			continue
		}
		missing = true
		if err := b.os.Mkdir("blobs.mkdir", b.dir(byte(i)), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if missing {
		return syncDir(b.os, "blobs.syncdir", b.root)
	}
	return nil
}

// blobWriter writes one blob.
type blobWriter struct {
	m     *mountpath
	id    blobID
	file  File
	size  int64
	block hash.Hash64 // of the current block; nil without checksums
	left  int         // bytes until the block is full
	sums  []uint64

	stream *stream // nil where nobody else gets the bytes
}

// newBlob makes an empty blob. It stays busy until finish or discard.
func (m *mountpath) newBlob(checksums bool) (*blobWriter, error) {
	id, err := newBlobID(m.config.Rand, m.blobs.next())
	if err != nil {
		return nil, err
	}
	m.keep.hold(id)
	f, err := m.config.OS.OpenFile("blob.create", m.blobs.path(id), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		m.keep.unhold([]blobID{id})
		return nil, err
	}
	w := &blobWriter{m: m, id: id, file: f}
	if checksums {
		w.block, w.left = m.hashes.Get().(hash.Hash64), blockSize
		w.block.Reset()
	}
	return w, nil
}

// Write implements io.Writer.
func (w *blobWriter) Write(p []byte) (int, error) {
	if err := w.m.space.admitMore(len(p)); err != nil {
		return 0, err
	}
	n, err := w.file.Write(p)
	w.size += int64(n)
	w.m.space.wrote(n)
	if err != nil {
		return n, err
	}
	w.stream.write(p)
	for w.block != nil && len(p) > 0 {
		part := p[:min(len(p), w.left)]
		w.block.Write(part)
		p = p[len(part):]
		if w.left -= len(part); w.left == 0 {
			w.endBlock()
		}
	}
	return n, nil
}

func (w *blobWriter) endBlock() {
	w.sums = append(w.sums, w.block.Sum64())
	w.block.Reset()
	w.left = blockSize
}

// seal writes the trailer and, for Power, makes the blob and its directory entry
// durable.
func (w *blobWriter) seal(info *blobInfo, d object.Durability) error {
	if w.block != nil && w.left < blockSize {
		w.endBlock()
	}
	if err := w.end(info, d); err != nil {
		return err
	}
	if err := w.close(); err != nil {
		return err
	}
	return w.syncDir(d)
}

// end writes the trailer after the payload and, for Power, makes the bytes durable.
func (w *blobWriter) end(info *blobInfo, d object.Durability) error {
	buf := appendTrailer(nil, &trailer{Size: w.size, Sums: w.sums, Info: string(appendBlobInfo(nil, info))})
	if _, err := w.file.WriteAt(buf, w.size); err != nil {
		return err
	}
	w.m.space.wrote(len(buf))
	w.stream.write(buf)
	w.stream.close()
	if d != object.Power {
		return nil
	}
	return dataSync(w.file)
}

// syncDir makes the blob's directory entry durable, for Power.
func (w *blobWriter) syncDir(d object.Durability) error { return w.m.blobs.sync(w.id[0], d) }

// sync makes the entries of a directory durable, for Power.
func (b *blobDirs) sync(dir byte, d object.Durability) error {
	if d != object.Power {
		return nil
	}
	return b.syncs[dir].do(func() error {
		return syncDir(b.os, "blob.syncdir", b.dir(dir))
	})
}

func (w *blobWriter) close() error {
	w.stream.close()
	if w.block != nil {
		w.m.hashes.Put(w.block)
		w.block = nil
	}
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file = nil
	return err
}

// finish ends the writer after its blob was committed.
func (w *blobWriter) finish() { w.m.keep.unhold([]blobID{w.id}) }

// discard removes the blob, which must not have been committed. What cannot be
// removed is left to the sweep.
func (w *blobWriter) discard() {
	_ = w.close()
	_ = w.m.config.OS.Remove("blob.remove", w.m.blobs.path(w.id))
	w.finish()
}

// segment returns the blob's payload as a segment.
func (w *blobWriter) segment(slot int) segment {
	return segment{Blob: w.id, Length: w.size, Slot: uint32(slot)}
}

// verifyBlocks checks the blocks of an open blob that cover [off, off+n).
// buf is scratch. Corrupt where one does not match.
func verifyBlocks(f File, t *trailer, off, n int64, buf []byte, h hash.Hash64) error {
	if len(t.Sums) == 0 {
		return nil
	}
	for i := off / blockSize; i*blockSize < min(off+n, t.Size); i++ {
		if err := hashRange(h, f, i*blockSize, min((i+1)*blockSize, t.Size), buf); err != nil {
			return err
		}
		if h.Sum64() != t.Sums[i] {
			return fmt.Errorf("block %d does not match its checksum: %w", i, object.Corrupt)
		}
	}
	return nil
}

// hashRange gives h, reset, the bytes of f from at to end. buf is scratch.
func hashRange(h hash.Hash64, f File, at, end int64, buf []byte) error {
	h.Reset()
	for at < end {
		part := buf[:min(int64(len(buf)), end-at)]
		if _, err := f.ReadAt(part, at); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		h.Write(part)
		at += int64(len(part))
	}
	return nil
}

// stamp returns t, or now where t is zero, at the resolution that is stored.
func stamp(t time.Time, now func() time.Time) time.Time {
	if t.IsZero() {
		t = now()
	}
	return t.UTC().Round(0)
}
