package archive

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"ais/object"
)

// Format is a kind of archive.
type Format uint8

// The formats. The zero value is none of them.
const (
	Tar    Format = iota + 1
	Tgz           // tar, compressed with gzip
	Zip           //
	TarLz4        // tar, compressed with LZ4 frames
	formats
)

// formatRow says how a format is called and recognized.
type formatRow struct {
	extensions []string // the first is the one that it is shown by
	content    string   // MIME type
	others     []string // that are understood besides, without "application/"
	magic      string
	at         int // where magic is
}

func row(f Format) formatRow {
	switch f {
	case Tar:
		return formatRow{extensions: []string{".tar"}, content: "application/x-tar", others: []string{"tar"}, magic: "ustar", at: 257}
	case Tgz:
		return formatRow{extensions: []string{".tgz", ".tar.gz"}, content: "application/gzip", others: []string{"x-gzip", "x-tgz", "x-tar+gzip", "x-compressed-tar"}, magic: "\x1f\x8b"}
	case Zip:
		return formatRow{extensions: []string{".zip"}, content: "application/zip", others: []string{"x-zip-compressed"}, magic: "PK"}
	case TarLz4:
		return formatRow{extensions: []string{".tar.lz4"}, content: "application/x-lz4", others: []string{"x-tar+lz4"}, magic: "\x04\x22\x4d\x18"}
	}
	return formatRow{extensions: []string{""}}
}

// String returns the format's extension, ".tar".
func (f Format) String() string { return row(f).extensions[0] }

// ContentType returns the format's MIME type.
func (f Format) ContentType() string { return row(f).content }

// ParseFormat reads the name of a format: an extension, with or without its dot,
// or a MIME type. The error is of kind Invalid.
func ParseFormat(text string) (Format, error) {
	name := strings.TrimPrefix(strings.ToLower(text), "application/")
	for f := Tar; f < formats; f++ {
		r := row(f)
		for _, e := range r.extensions {
			if name == e || name == e[1:] {
				return f, nil
			}
		}
		for _, o := range append(r.others, strings.TrimPrefix(r.content, "application/")) {
			if name == o {
				return f, nil
			}
		}
	}
	return 0, object.E("archive.ParseFormat", text, object.Invalid, errors.New("an archive is .tar, .tgz (or .tar.gz), .zip or .tar.lz4"))
}

// ByName returns the format that the extension of a name says, ok false where it
// says none.
func ByName(name string) (f Format, ok bool) {
	name = strings.ToLower(name)
	for f := Tar; f < formats; f++ {
		for _, e := range row(f).extensions {
			if strings.HasSuffix(name, e) {
				return f, true
			}
		}
	}
	return 0, false
}

// magicLength is how much of an archive's beginning tells its format.
const magicLength = 262

// Choose returns the format of an archive: that of mime where it is not empty, else
// what the name's extension says, else what the bytes begin with. The error is of
// kind Invalid, or that of src.
func Choose(mime, name string, src io.ReaderAt, size int64) (Format, error) {
	if mime != "" {
		return ParseFormat(mime)
	}
	if f, ok := ByName(name); ok {
		return f, nil
	}
	head := make([]byte, min(size, magicLength))
	if n, err := src.ReadAt(head, 0); n < len(head) && err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	for f := Tar; f < formats; f++ {
		if r := row(f); len(head) > r.at && bytes.HasPrefix(head[r.at:], []byte(r.magic)) {
			return f, nil
		}
	}
	return 0, object.E("archive.Choose", name, object.Invalid, errors.New("not an archive: neither its name nor its content is that of .tar, .tgz, .zip or .tar.lz4"))
}
