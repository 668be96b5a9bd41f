package fs_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

func TestMultipart(t *testing.T) {
	c := memConfig(faultfs.New())
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	c.Now = func() time.Time { return now }
	s := open(t, c)
	n := name("big")
	put(t, s, n, content(50_000, 99))
	parts := [][]byte{content(200_000, 1), nil, content(300_000, 2), content(10, 3)}
	listed, err := upload(s, n, "u1", object.Power, parts...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := putPart(s, n, "u1", 3, content(5, 8), object.Power); err != nil { // replaced below
		t.Fatal(err)
	}
	if _, err := putPart(s, n, "u1", 3, parts[2], object.Power); err != nil {
		t.Fatal(err)
	}
	if _, err := putPart(s, n, "u1", 9, content(5, 9), object.Power); err != nil { // not listed
		t.Fatal(err)
	}
	have, more, err := s.Parts(n, "u1", 1, 2)
	if err != nil || !more || len(have) != 2 || have[0].Number != 2 || have[1].Size != 300_000 {
		t.Fatal(have, more, err)
	}
	_, err = s.Publish(n, "u1", listed, 100, finish, fs.Terms{}, object.Power)
	wantKind(t, err, object.TooSmall)
	_, err = s.Publish(n, "u1", listed, 0, finish, fs.Terms{Cond: object.Cond{IfNoneMatch: "*"}}, object.Power)
	wantKind(t, err, object.Precondition)
	m, err := publish(s, n, "u1", listed, object.Power)
	if err != nil || len(m.Parts) != 4 || m.Size != 500_010 || m.Version.Counter != 2 {
		t.Fatal(m, err)
	}
	data := join(parts...)
	got := wantContent(t, s, n, data)
	if len(got.Parts) != 4 || got.Parts[2].Size != 300_000 || got.ETag != m.ETag {
		t.Fatalf("%+v", got)
	}
	checkRanges(t, s, n, data)
	again, err := publish(s, n, "u1", listed, object.Power)
	if err != nil || again.ETag != m.ETag || !again.Modified.Equal(m.Modified) || len(again.Parts) != 4 {
		t.Fatal(again, err)
	}
	_, err = publish(s, n, "u1", listed[:1], object.Power)
	wantKind(t, err, object.NoSuchUpload)
	now = now.Add(2 * time.Hour)
	_, err = publish(s, n, "u1", listed, object.Power)
	wantKind(t, err, object.NoSuchUpload)
	sweep(t, s)

	_, err = s.CreatePart(n, "u1", 1, fs.WriteOptions{})
	wantKind(t, err, object.NoSuchUpload)
	for _, number := range []int{0, 10_001} {
		_, err = s.CreatePart(n, "u1", number, fs.WriteOptions{})
		wantKind(t, err, object.Invalid)
	}
	s.Close()
	if k := blobs(t, c.OS, c); k != 3 {
		t.Fatalf("%d blobs, want 3", k)
	}
}

func TestDiscardDuringPart(t *testing.T) {
	c := memConfig(faultfs.New())
	s := open(t, c)
	n := name("k")
	if _, err := upload(s, n, "u", object.Power, content(9000, 1), content(9000, 2)); err != nil {
		t.Fatal(err)
	}
	w, err := s.CreatePart(n, "u", 3, fs.WriteOptions{Size: 5000})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content(5000, 3)); err != nil {
		t.Fatal(err)
	}
	if err := s.Discard(n, "u"); err != nil {
		t.Fatal(err)
	}
	_, err = w.CommitPart(object.Part{ETag: "x"})
	wantKind(t, err, object.NoSuchUpload)
	wantKind(t, s.Discard(n, "u"), object.NoSuchUpload)
	if k := blobs(t, c.OS, c); k != 0 {
		t.Fatalf("%d blobs are left", k)
	}
}

func TestCopyPart(t *testing.T) {
	c := memConfig(faultfs.New())
	s := open(t, c)
	sources := map[string][]byte{"inline": content(900, 1), "blob": content(2_500_000, 2), "many": nil}
	listed, err := upload(s, name("many"), "u", object.Power, content(30_000, 3), content(20_000, 4), content(9, 5))
	if err == nil {
		_, err = publish(s, name("many"), "u", listed, object.Power)
	}
	if err != nil {
		t.Fatal(err)
	}
	sources["many"], _, _ = get(s, name("many"))
	for _, k := range []string{"inline", "blob"} {
		put(t, s, name(k), sources[k])
	}
	digest := func(r io.Reader) (object.Part, error) {
		data, err := io.ReadAll(r)
		return object.Part{ETag: etag(data)}, err
	}
	for i := range 4 {
		n, id := name(fmt.Sprint("dst", i)), fmt.Sprint("u", i)
		if err := s.Begin(object.Upload{ID: id, Name: n}, object.Power); err != nil {
			t.Fatal(err)
		}
		var want []byte
		var list []object.Listed
		number := 0
		for _, k := range []string{"many", "blob", "inline", "many", "blob"} {
			number++
			data := sources[k]
			r := object.Range{Offset: int64(len(data)) / 3, Length: int64(len(data)) / 2}
			p, err := s.CopyPart(name(k), "", r, n, id, number, nil, digest, fs.WriteOptions{Checksum: object.MD5})
			if err != nil {
				t.Fatal(err)
			}
			piece := data[r.Offset : r.Offset+r.Length]
			if p.ETag != etag(piece) || p.Size != r.Length || p.Number != number {
				t.Fatal(p)
			}
			want = append(want, piece...)
			list = append(list, object.Listed{Number: number, ETag: p.ETag})
		}
		if _, err := s.CopyPart(name("blob"), "", object.Range{Length: -1}, n, id, 9, nil, nil, fs.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := publish(s, n, id, list, object.Power); err != nil {
			t.Fatal(err)
		}
		wantContent(t, s, n, want)
		sources[n.Key] = want
	}
	for _, k := range []string{"many", "blob", "inline"} {
		if _, err := s.Remove(name(k), "", fs.Terms{}, object.Power); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		n := name(fmt.Sprint("dst", i))
		wantContent(t, s, n, sources[n.Key])
		if _, err := s.Remove(n, "", fs.Terms{}, object.Power); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.CopyPart(name("none"), "", object.Range{Length: -1}, name("x"), "u", 1, nil, nil, fs.WriteOptions{})
	wantKind(t, err, object.NotFound)
	s.Close()
	if k := blobs(t, c.OS, c); k != 0 {
		t.Fatalf("%d blobs are left", k)
	}
}

func TestUploadsListing(t *testing.T) {
	s := open(t, memConfig(faultfs.New()))
	var want []string
	for _, k := range []string{"a", "a/b", "b/1", "b/2", "c"} {
		for _, id := range []string{"u1", "u2"} {
			if err := s.Begin(object.Upload{ID: id, Name: name(k)}, object.Process); err != nil {
				t.Fatal(err)
			}
			want = append(want, k+" "+id)
		}
	}
	if err := s.Begin(object.Upload{ID: "u1", Name: name("a")}, object.Process); !errors.Is(err, object.Exists) {
		t.Fatal(err)
	}
	for limit := 1; limit <= 11; limit++ {
		var got []string
		q, marker := object.Query{Limit: limit}, ""
		for {
			p, err := s.Uploads(7, q, marker)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range p.Entries {
				got = append(got, e.Key+" "+e.UploadID)
				q.After, marker = e.Key, e.UploadID
			}
			if !p.Truncated {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("limit %d: %q", limit, got)
		}
	}
	p, err := s.Uploads(7, object.Query{Delimiter: "/", Limit: 100}, "")
	if err != nil || len(p.Entries) != 6 || !p.Entries[2].Prefix {
		t.Fatal(p, err)
	}
}
