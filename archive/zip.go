package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
	"time"

	"ais/object"

	"github.com/klauspost/compress/flate"
)

// Records of a zip (APPNOTE.TXT 4.3): their signatures, and lengths without what is
// of variable length.
const (
	zipLocal     = "PK\x03\x04"
	zipEntry     = "PK\x01\x02"
	zipEnd       = "PK\x05\x06"
	zip64Locator = "PK\x06\x07"
	zip64End     = "PK\x06\x06"

	localLength   = 30
	entryLength   = 46
	endLength     = 22
	locatorLength = 20
	end64Length   = 56

	maxComment = 1<<16 - 1
	none16     = 1<<16 - 1 // the number is in a zip64 field
	none32     = 1<<32 - 1
)

// zipWalker walks the directory of a zip, which is at its end, as a stream: it may
// be of any length.
type zipWalker struct {
	src       *source
	size      int64
	base      int64 // where the zip begins: something may lie before
	directory *bufio.Reader
	left      uint64 // entries

	header [entryLength]byte
	member Member
	entry  zipHeader
}

// zipHeader is what the directory says of a file.
type zipHeader struct {
	flags, method uint16
	sum           uint32
	packed, size  uint64
	offset        uint64 // of the local header, from base
}

// zipDirectory says where the directory is.
type zipDirectory struct {
	entries, size, offset uint64
	end                   int64 // where it ends in the source
}

func newZipWalker(src *source, size int64) (*zipWalker, error) {
	d, err := findDirectory(src, size)
	if err != nil {
		return nil, err
	}
	// What lies before the zip, if anything, moves everything by as much.
	base := d.end - int64(d.size) - int64(d.offset)
	if d.size > uint64(d.end) || d.offset > uint64(d.end) || base < 0 {
		return nil, errors.New("its directory lies outside")
	}
	w := &zipWalker{src: src, size: size, base: base, left: d.entries}
	w.directory = bufio.NewReaderSize(io.NewSectionReader(src, base+int64(d.offset), int64(d.size)), unpackBuffer)
	return w, nil
}

// findDirectory reads the records at a zip's end. A comment may follow them.
func findDirectory(src *source, size int64) (d zipDirectory, err error) {
	for _, tail := range []int64{1 << 10, maxComment + endLength} {
		tail = min(tail, size)
		buf := make([]byte, tail)
		if n, err := src.ReadAt(buf, size-tail); n < len(buf) {
			return d, noEOF(err)
		}
		for i := bytes.LastIndex(buf, []byte(zipEnd)); i >= 0; i = bytes.LastIndex(buf[:i], []byte(zipEnd)) {
			if r := buf[i:]; len(r) >= endLength && endLength+int(le16(r[20:])) <= len(r) {
				d = zipDirectory{entries: uint64(le16(r[10:])), size: uint64(le32(r[12:])), offset: uint64(le32(r[16:])), end: size - tail + int64(i)}
				if d.entries == none16 || d.size == none32 || d.offset == none32 {
					return large(src, d)
				}
				return d, nil
			}
		}
	}
	return d, errors.New("it has no directory")
}

// large returns what a zip64 says instead of d, if it is one.
func large(src *source, d zipDirectory) (zipDirectory, error) {
	var l [locatorLength]byte
	if d.end < locatorLength {
		return d, nil
	}
	if n, err := src.ReadAt(l[:], d.end-locatorLength); n < len(l) {
		return d, noEOF(err)
	}
	if string(l[:4]) != zip64Locator {
		return d, nil
	}
	at := binary.LittleEndian.Uint64(l[8:])
	if at > uint64(d.end-locatorLength) {
		return d, errors.New("its directory lies outside")
	}
	var r [end64Length]byte
	if n, err := src.ReadAt(r[:], int64(at)); n < len(r) {
		return d, noEOF(err)
	}
	if string(r[:4]) != zip64End {
		return d, errors.New("it has no directory")
	}
	le64 := binary.LittleEndian.Uint64
	return zipDirectory{entries: le64(r[32:]), size: le64(r[40:]), offset: le64(r[48:]), end: int64(at)}, nil
}

func le16(b []byte) uint16 { return binary.LittleEndian.Uint16(b) }
func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

func (w *zipWalker) next() (*Member, error) {
	for ; w.left > 0; w.left-- {
		regular, err := w.readEntry()
		if err != nil {
			return nil, noEOF(err)
		}
		if regular {
			w.left--
			return &w.member, nil
		}
	}
	return nil, io.EOF
}

// readEntry reads one entry of the directory. regular says that it is a file.
func (w *zipWalker) readEntry() (regular bool, err error) {
	h := w.header[:]
	if _, err := io.ReadFull(w.directory, h); err != nil {
		return false, err
	}
	if string(h[:4]) != zipEntry {
		return false, errors.New("its directory is damaged")
	}
	w.entry = zipHeader{
		flags: le16(h[8:]), method: le16(h[10:]), sum: le32(h[16:]),
		packed: uint64(le32(h[20:])), size: uint64(le32(h[24:])), offset: uint64(le32(h[42:])),
	}
	variable := make([]byte, int(le16(h[28:]))+int(le16(h[30:]))+int(le16(h[32:])))
	if _, err := io.ReadFull(w.directory, variable); err != nil {
		return false, err
	}
	name, extra := string(variable[:le16(h[28:])]), variable[le16(h[28:]):][:le16(h[30:])]
	w.member = Member{Name: name, Offset: -1, Mode: 0o644, Modified: dosTime(le16(h[14:]), le16(h[12:]))}
	if system := h[5]; system == 3 || system == 19 { // Unix, macOS
		unix := le32(h[38:]) >> 16
		w.member.Mode = fs.FileMode(unix & 0o777)
		if kind := unix & 0o170000; kind != 0 && kind != 0o100000 {
			return false, nil // a link, a device
		}
	}
	if err := w.readExtra(extra); err != nil {
		return false, err
	}
	if w.entry.size > uint64(object.MaxSize) {
		return false, errors.New("a file in it is larger than any object")
	}
	w.member.Size = int64(w.entry.size)
	return !strings.HasSuffix(name, "/"), nil
}

// readExtra reads the fields that follow a name: sizes of a zip64, and a time.
func (w *zipWalker) readExtra(extra []byte) error {
	for len(extra) >= 4 {
		tag, length := le16(extra), int(le16(extra[2:]))
		if extra = extra[4:]; length > len(extra) {
			return nil // what some writers leave there is none of these
		}
		field := extra[:length]
		extra = extra[length:]
		switch {
		case tag == 1:
			for _, n := range []*uint64{&w.entry.size, &w.entry.packed, &w.entry.offset} {
				if *n != none32 {
					continue
				}
				if len(field) < 8 {
					return errors.New("its directory is damaged")
				}
				*n, field = binary.LittleEndian.Uint64(field), field[8:]
			}
		case tag == 0x5455 && len(field) >= 5 && field[0]&1 != 0:
			w.member.Modified = time.Unix(int64(int32(le32(field[1:]))), 0).UTC()
		}
	}
	return nil
}

// dosTime returns the time that two fields say, to two seconds and in no zone; zero
// where they say none.
func dosTime(date, clock uint16) time.Time {
	if date == 0 {
		return time.Time{}
	}
	return time.Date(int(date>>9)+1980, time.Month(date>>5&15), int(date&31), int(clock>>11), int(clock>>5&63), int(clock&31)*2, 0, time.UTC)
}

// Methods of compression that are understood.
const (
	zipStored   = 0
	zipDeflated = 8
)

// open opens the file of the entry that was read last.
func (w *zipWalker) open() (io.Reader, error) {
	e := &w.entry
	if e.flags&1 != 0 {
		return nil, object.E("archive.Open", w.member.Name, object.Unsupported, fmt.Errorf("%q is encrypted", w.member.Name))
	}
	at := uint64(w.base) + e.offset
	if e.offset > uint64(w.size) || at+localLength > uint64(w.size) {
		return nil, errors.New("a file of it lies outside")
	}
	var h [localLength]byte
	if n, err := w.src.ReadAt(h[:], int64(at)); n < len(h) {
		return nil, noEOF(err)
	}
	if string(h[:4]) != zipLocal {
		return nil, errors.New("a file's header is damaged")
	}
	at += localLength + uint64(le16(h[26:])) + uint64(le16(h[28:]))
	if e.packed > uint64(w.size) || at+e.packed > uint64(w.size) {
		return nil, errors.New("a file of it lies outside")
	}
	packed := io.NewSectionReader(w.src, int64(at), int64(e.packed))
	checked := &summed{sum: crc32.NewIEEE(), want: e.sum}
	switch {
	case e.method == zipStored && e.packed == e.size:
		w.member.Offset, checked.from = int64(at), packed
	case e.method == zipDeflated:
		checked.from = flate.NewReader(bufio.NewReaderSize(packed, unpackBuffer))
	case e.method == zipStored:
		return nil, errors.New("a file of it is not of the size it says")
	default:
		return nil, object.E("archive.Open", w.member.Name, object.Unsupported, fmt.Errorf("%q is compressed by method %d; those understood are 0 (stored) and 8 (deflate)", w.member.Name, e.method))
	}
	return checked, nil
}

func (w *zipWalker) close() {}

// summed is a reader that fails at the end where the CRC-32 of all is another than
// was said.
type summed struct {
	from io.Reader
	sum  hash.Hash32
	want uint32
}

// Read implements io.Reader.
func (s *summed) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.sum.Write(p[:n])
	if err == io.EOF && s.sum.Sum32() != s.want {
		err = errors.New("a file does not match its checksum")
	}
	return n, err
}
