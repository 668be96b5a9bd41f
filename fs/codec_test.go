package fs

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ais/object"
)

func sampleRecord() *record {
	return &record{
		Use: 42, Payload: payloadBlob, Segments: []segment{{Blob: blobID{1, 2, 3}, Offset: 5, Length: 1 << 40, Slot: 7}},
		Meta: object.Meta{
			Size: 1 << 40, Modified: time.Unix(1234, 5678).UTC(), ETag: strings.Repeat("ab", 16), StorageClass: "X",
			Version:  object.Version{Term: 3, Counter: 300},
			Header:   object.Header{ContentType: "a/b", Expires: "never", WebsiteRedirect: "/"},
			User:     map[string]string{"k": "v", "empty": ""},
			Custom:   map[string]string{"source": "s"},
			Checksum: object.Sum(object.MD5, []byte("x")),
			Sums:     []object.Checksum{object.Sum(object.CRC32, []byte("x")), {Algorithm: object.SHA1, Composite: true, Value: []byte{1}}},
		},
	}
}

func TestRecordRoundTrip(t *testing.T) {
	want := sampleRecord()
	full := sampleRecord()
	full.Meta.VersionID, full.Meta.Owner = "00000000000000ff0123456789abcdef", "user"
	full.Meta.ACL, full.Meta.Tags = "acl", map[string]string{"a": "b", "c": ""}
	for _, tag := range []string{"", "x", strings.Repeat("ab", 16), strings.Repeat("AB", 16), strings.Repeat("0f", 16) + "-12",
		strings.Repeat("0f", 16) + "-012", strings.Repeat("0f", 16) + "-", strings.Repeat("0f", 16) + "-xxhash"} {
		want.Meta.ETag = tag
		full.Meta.ETag, full.Meta.DeleteMarker = tag, !full.Meta.DeleteMarker
		for _, want := range []*record{want, full} {
			value := string(appendRecord(nil, want))
			var got record
			if err := decodeRecord(value, &got); err != nil || !reflect.DeepEqual(&got, want) {
				t.Fatalf("%q: %v\n got %+v\nwant %+v", tag, err, got, *want)
			}
			var head object.Meta
			if err := decodeHead(value, &head); err != nil || head.ETag != tag || head.Size != want.Meta.Size ||
				head.VersionID != want.Meta.VersionID || head.Owner != want.Meta.Owner || head.DeleteMarker != want.Meta.DeleteMarker {
				t.Fatal(head, err)
			}
		}
	}
}

// TestOldRecords decodes values that were written before objects had versions
// and rights, and writes them as they were.
func TestOldRecords(t *testing.T) {
	for name, c := range map[string]struct {
		stored string
		again  func(string) ([]byte, error)
	}{
		"object": {"01000adca88e82ea4700046578616d00000000000000002a030102000000000001016b017600", func(s string) ([]byte, error) {
			var r record
			err := decodeRecord(s, &r)
			return appendRecord(nil, &r), err
		}},
		"upload": {"010000000000000005000000015800000000000000", func(s string) ([]byte, error) {
			var u uploadRecord
			err := decodeUploadRecord(s, &u)
			return appendUploadRecord(nil, &u), err
		}},
		"blob": {"010000000000000001016b0000000165000000000000000000", func(s string) ([]byte, error) {
			var b blobInfo
			err := decodeBlobInfo(s, &b)
			return appendBlobInfo(nil, &b), err
		}},
	} {
		stored, err := hex.DecodeString(c.stored)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.again(string(stored)); err != nil || !bytes.Equal(got, stored) {
			t.Errorf("%s: %x, %v, was %x", name, got, err, stored)
		}
	}
}

// TestRightsAreStored writes what uploads and trailers say of an owner's wishes.
func TestRightsAreStored(t *testing.T) {
	meta := object.Meta{Owner: "o", ACL: "a", Tags: map[string]string{"k": "v"}}
	u := uploadRecord{Use: 5, Upload: object.Upload{Meta: meta}}
	var gotUpload uploadRecord
	if err := decodeUploadRecord(string(appendUploadRecord(nil, &u)), &gotUpload); err != nil || !reflect.DeepEqual(gotUpload, u) {
		t.Fatal(gotUpload, err)
	}
	b := blobInfo{Name: object.Name{Bucket: 1, Key: "k"}, Meta: meta}
	var gotBlob blobInfo
	if err := decodeBlobInfo(string(appendBlobInfo(nil, &b)), &gotBlob); err != nil || !reflect.DeepEqual(gotBlob, b) {
		t.Fatal(gotBlob, err)
	}
}

func FuzzVersionID(f *testing.F) {
	f.Add("00000000000000ff0123456789abcdef")
	f.Add("00000000000000FF0123456789abcdef")
	f.Fuzz(func(t *testing.T, id string) {
		if _, ok := versionCounter(id); !ok {
			return
		}
		d := decoder{s: string(appendVersionID(nil, id))}
		if got := d.versionID(); got != id || d.err() != nil {
			t.Fatal(got, d.err())
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add(string(appendRecord(nil, sampleRecord())))
	f.Add(string(appendRecord(nil, &record{})))
	f.Add(string(appendRecord(nil, &record{Meta: object.Meta{VersionID: "00000000000000ff0123456789abcdef", Owner: "o", ACL: "a", DeleteMarker: true}})))
	f.Add(string(appendManifest(nil, 1, []segment{{Length: 3}}, []object.Part{{Number: 1, Size: 3, ETag: "e"}})))
	f.Add(string(appendPartRecord(nil, &partRecord{Part: object.Part{Number: 9}})))
	f.Add(string(appendUploadRecord(nil, &uploadRecord{Use: 5})))
	f.Add(string(appendCompleted(nil, &completedRecord{Object: *sampleRecord()})))
	f.Add(string(appendBlobInfo(nil, &blobInfo{Name: object.Name{Bucket: 1, Key: "k"}})))
	f.Fuzz(func(t *testing.T, value string) {
		var r record
		if decodeRecord(value, &r) == nil {
			var again record
			if err := decodeRecord(string(appendRecord(nil, &r)), &again); err != nil || !reflect.DeepEqual(r, again) {
				t.Fatalf("%v\n%+v\n%+v", err, r, again)
			}
		}
		var p partRecord
		_ = decodePartRecord(value, &p)
		var u uploadRecord
		_ = decodeUploadRecord(value, &u)
		var c completedRecord
		_ = decodeCompleted(value, &c)
		var b blobInfo
		_ = decodeBlobInfo(value, &b)
		if use, segments, parts, err := decodeManifest(value); err == nil {
			if _, s2, p2, err := decodeManifest(string(appendManifest(nil, use, segments, parts))); err != nil ||
				!reflect.DeepEqual(segments, s2) || !reflect.DeepEqual(parts, p2) {
				t.Fatal(err, parts, p2)
			}
		}
		_, _, _, _ = splitInline([]byte(value))
	})
}

func sampleChange() *Change {
	n := object.Name{Bucket: 7, Key: "a\x00b"}
	p := Stamp{Placement: 1, Term: 2, Seq: 3 << 32}
	records := appendSetOp(nil, appendName(nil, kindObject, n.Bucket, n.Key), appendRecord(nil, sampleRecord()))
	records = appendDeleteOp(records, appendRef(nil, blobID{9}, 5, 0))
	records = appendSetOp(records, appendRef(nil, blobID{1, 2, 3}, 42, 7), nil)
	records = appendSetOp(records, appendName(nil, kindStamp, n.Bucket, n.Key), appendStampRecord(nil, p))
	return &Change{Name: n, Base: Stamp{Seq: 1}, Stamp: p, Durability: object.Process, Records: records,
		Blobs: []Blob{{ID: blobID{1, 2, 3}.String(), Size: 1 << 40}}, Handoff: []string{"t1", "t2"}}
}

// TestChangeOfAnotherName refuses records that are not of the change's name, that do
// not travel, or that end in another state.
func TestChangeOfAnotherName(t *testing.T) {
	good := sampleChange()
	if c, err := DecodeChange(EncodeChange(good)); err != nil || !reflect.DeepEqual(c, good) || c.Empty() {
		t.Fatalf("%+v, %v", c, err)
	}
	for name, records := range map[string][]byte{
		"another name":   appendSetOp(nil, appendName(nil, kindObject, 7, "other"), nil),
		"another bucket": appendDeleteOp(nil, appendName(nil, kindObject, 8, good.Name.Key)),
		"a counter":      appendSetOp(nil, appendBucket(nil, kindCounter, 7), nil),
		"a short key":    appendSetOp(nil, []byte{kindRef, 1}, nil),
		"another stamp":  appendSetOp(nil, appendName(nil, kindStamp, 7, good.Name.Key), appendStampRecord(nil, Stamp{Seq: 9})),
		"no stamp":       {},
		"no op":          {7, 1, 1},
		"an empty key":   {opDelete, 0},
	} {
		bad := *good
		if bad.Records = records; name != "another stamp" && name != "no stamp" {
			bad.Records = append(slices.Clone(records), good.Records...)
		}
		if _, err := DecodeChange(EncodeChange(&bad)); object.KindOf(err) != object.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzChange(f *testing.F) {
	f.Add(EncodeChange(sampleChange()))
	f.Add(EncodeChange(&Change{}))
	e := &Estate{Name: object.Name{Bucket: 7, Key: "k"}, Stamp: Stamp{Seq: 5}, Blobs: sampleChange().Blobs}
	e.Records = appendSetOp(nil, appendName(nil, kindUpload, 7, "k"), []byte("v"))
	f.Add(EncodeEstate(e))
	f.Add(appendPrepared(nil, time.Unix(5, 0), 9, sampleChange()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := DecodeChange(b); err == nil {
			again, err := DecodeChange(EncodeChange(c))
			if err != nil || !bytes.Equal(EncodeChange(again), EncodeChange(c)) {
				t.Fatal(again, err)
			}
			_, _ = needs(c.Records, c.Blobs)
			_ = c.Empty()
		}
		if e, err := DecodeEstate(b); err == nil {
			again, err := DecodeEstate(EncodeEstate(e))
			if err != nil || !bytes.Equal(EncodeEstate(again), EncodeEstate(e)) {
				t.Fatal(again, err)
			}
			_ = e.Removed()
		}
		_, _, _, _ = decodePrepared(b)
	})
}

func FuzzKeys(f *testing.F) {
	f.Add(uint64(1), "a", "a/b", []byte{1, 0, 0})
	f.Add(uint64(1<<63), "a\x00", "a\x00\x00", []byte("\x01........a\x00\x01"))
	f.Fuzz(func(t *testing.T, bucket uint64, a, b string, raw []byte) {
		ka, kb := appendName(nil, kindObject, bucket, a), appendName(nil, kindObject, bucket, b)
		if bytes.Compare(ka, kb) != strings.Compare(a, b) {
			t.Fatalf("%q and %q change their order", a, b)
		}
		if a != b && (bytes.HasPrefix(ka, kb) || bytes.HasPrefix(kb, ka)) {
			t.Fatalf("the key of %q begins that of %q", a, b)
		}
		gotBucket, got, rest, err := parseName(append(slices.Clone(ka), raw...))
		if err != nil || gotBucket != bucket || got != a || !bytes.Equal(rest, raw) {
			t.Fatal(gotBucket, got, rest, err)
		}
		prefix := appendText(appendBucket(nil, kindObject, bucket), a)
		inside := bytes.Compare(kb, prefix) >= 0 && bytes.Compare(kb, after(slices.Clone(prefix))) < 0
		if inside != strings.HasPrefix(b, a) {
			t.Fatalf("%q under %q: %v", b, a, inside)
		}
		_, _, _, _ = parseName(raw)
	})
}
