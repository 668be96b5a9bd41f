package e2e

import (
	"encoding/xml"
	"fmt"
	"maps"
	"strings"
	"testing"
)

// tags returns the tags of an object, given as "/bucket/key" with or without a query.
func (p plain) tags(t testing.TB, target string) map[string]string {
	t.Helper()
	a := p.do(t, "GET", withQuery(target, "tagging"), nil).want(t, 200, "")
	var doc struct {
		Tag []struct{ Key, Value string } `xml:"TagSet>Tag"`
	}
	if err := xml.Unmarshal(a.body, &doc); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	tags := map[string]string{}
	for _, tag := range doc.Tag {
		tags[tag.Key] = tag.Value
	}
	if len(tags) != len(doc.Tag) {
		t.Fatalf("a tag is there twice: %s", a.body)
	}
	return tags
}

// withQuery adds a parameter to a target.
func withQuery(target, parameter string) string {
	if strings.Contains(target, "?") {
		return target + "&" + parameter
	}
	return target + "?" + parameter
}

func tagging(pairs ...string) []byte {
	var b strings.Builder
	b.WriteString("<Tagging><TagSet>")
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "<Tag><Key>%s</Key><Value>%s</Value></Tag>", pairs[i], pairs[i+1])
	}
	b.WriteString("</TagSet></Tagging>")
	return []byte(b.String())
}

func TestObjectTagging(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	want := func(key string, pairs ...string) {
		t.Helper()
		all := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			all[pairs[i]] = pairs[i+1]
		}
		if got := p.tags(t, "/"+b+"/"+key); !maps.Equal(got, all) {
			t.Errorf("%s has tags %v, want %v", key, got, all)
		}
		count := ""
		if len(all) > 0 {
			count = fmt.Sprint(len(all))
		}
		for _, method := range []string{"HEAD", "GET"} {
			if a := p.do(t, method, "/"+b+"/"+key, nil).want(t, 200, ""); a.header.Get("X-Amz-Tagging-Count") != count {
				t.Errorf("%s of %s counts %q tags, want %q", method, key, a.header.Get("X-Amz-Tagging-Count"), count)
			}
		}
	}
	p.put(t, b, "plain", []byte("x"))
	want("plain")
	before := p.do(t, "HEAD", "/"+b+"/plain", nil)
	p.do(t, "PUT", "/"+b+"/plain?tagging", tagging("color", "red", "size", "")).want(t, 200, "")
	want("plain", "color", "red", "size", "")
	after := p.do(t, "HEAD", "/"+b+"/plain", nil)
	for _, name := range []string{"Last-Modified", "ETag", "Content-Length"} {
		if before.header.Get(name) != after.header.Get(name) {
			t.Errorf("tags change %s from %s to %s", name, before.header.Get(name), after.header.Get(name))
		}
	}
	p.do(t, "PUT", "/"+b+"/plain?tagging", tagging("color", "blue")).want(t, 200, "")
	want("plain", "color", "blue")
	p.same(t, b, "plain", []byte("x"))

	p.put(t, b, "written", []byte("y"), "X-Amz-Tagging: a=1&b")
	want("written", "a", "1", "b", "")
	p.put(t, b, "written", []byte("z")) // an overwrite has its own tags
	want("written")

	u := p.begin(t, b, "parts", "X-Amz-Tagging: from=upload")
	u.part(t, 1, []byte("part")).want(t, 200, "")
	u.complete(t, u.manifest(1)).want(t, 200, "")
	want("parts", "from", "upload")

	source := "X-Amz-Copy-Source: /" + b + "/plain"
	p.put(t, b, "copied", nil, source, "X-Amz-Tagging: not=taken")
	want("copied", "color", "blue")
	p.put(t, b, "replaced", nil, source, "X-Amz-Tagging-Directive: REPLACE", "X-Amz-Tagging: new=1")
	want("replaced", "new", "1")
	p.put(t, b, "cleared", nil, source, "X-Amz-Tagging-Directive: REPLACE")
	want("cleared")

	p.do(t, "DELETE", "/"+b+"/plain?tagging", nil).want(t, 204, "")
	want("plain")
}

func TestBadTags(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	p.put(t, b, "k", []byte("x"), "X-Amz-Tagging: kept=yes")
	var eleven []string
	for i := range 11 {
		eleven = append(eleven, fmt.Sprint("k", i), "v")
	}
	for name, bad := range map[string]struct {
		document []byte
		code     string
	}{
		"eleven":   {tagging(eleven...), "InvalidTag"},
		"long key": {tagging(strings.Repeat("k", 129), "v"), "InvalidTag"},
		"long":     {tagging("k", strings.Repeat("v", 257)), "InvalidTag"},
		"twice":    {tagging("k", "1", "k", "2"), "InvalidTag"},
		"no XML":   {[]byte("<Tagging><TagSet>"), "MalformedXML"},
		"no tags":  {[]byte("<Tagging/>"), "MalformedXML"},
		"nothing":  {[]byte(""), "MalformedXML"},
	} {
		t.Run(name, func(t *testing.T) {
			p.do(t, "PUT", "/"+b+"/k?tagging", bad.document).want(t, 400, bad.code)
		})
	}
	p.do(t, "PUT", "/"+b+"/new", []byte("x"), "X-Amz-Tagging: "+strings.Repeat("k", 129)+"=v").want(t, 400, "InvalidTag")
	p.absent(t, b, "new")
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		p.do(t, method, "/"+b+"/absent?tagging", tagging()).want(t, 404, "NoSuchKey")
	}
	if got := p.tags(t, "/"+b+"/k"); !maps.Equal(got, map[string]string{"kept": "yes"}) {
		t.Errorf("refused changes left %v", got)
	}
}

func TestObjectAttributes(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	type attributes struct {
		ETag, StorageClass string
		ObjectSize         int64
		Checksum           struct{ ChecksumSHA256, ChecksumType string }
		ObjectParts        *struct {
			PartsCount, PartNumberMarker, NextPartNumberMarker, MaxParts int
			IsTruncated                                                  bool
			Part                                                         []struct {
				PartNumber     int
				Size           int64
				ChecksumSHA256 string
			}
		}
	}
	ask := func(key string, headers ...string) (attributes, answer) {
		t.Helper()
		a := p.do(t, "GET", "/"+b+"/"+key+"?attributes", nil, headers...).want(t, 200, "")
		var doc attributes
		if err := xml.Unmarshal(a.body, &doc); err != nil {
			t.Fatalf("%v in %s", err, a.body)
		}
		return doc, a
	}
	const all = "X-Amz-Object-Attributes: ETag,Checksum,ObjectParts,StorageClass,ObjectSize"
	sum := "LXEWQtrQpLRn4WC3Tcd2lC+3qK6ZqlEwGXfNqvS8t1E=" // of other bytes: refused below
	p.do(t, "PUT", "/"+b+"/one", []byte("one"), "X-Amz-Checksum-Sha256: "+sum).want(t, 400, "BadDigest")
	p.put(t, b, "one", []byte("one"))
	one, a := ask("one", all)
	if one.ETag != md5hex([]byte("one")) || one.ObjectSize != 3 || one.StorageClass != "STANDARD" || one.ObjectParts != nil {
		t.Errorf("of an object in one piece: %s", a.body)
	}
	if a.header.Get("Last-Modified") == "" {
		t.Error("no Last-Modified")
	}
	if some, a := ask("one", "X-Amz-Object-Attributes: ObjectSize"); some.ETag != "" || some.ObjectSize != 3 {
		t.Errorf("only the size was asked for: %s", a.body)
	}

	u := p.begin(t, b, "parts", "X-Amz-Checksum-Algorithm: SHA256")
	sums := map[int]string{}
	for n := 1; n <= 3; n++ {
		sums[n] = u.part(t, n, random(uint64(n), partSize)).want(t, 200, "").header.Get("X-Amz-Checksum-Sha256")
	}
	u.complete(t, u.manifest(1, 2, 3)).want(t, 200, "")
	parts, a := ask("parts", all, "X-Amz-Max-Parts: 1", "X-Amz-Part-Number-Marker: 1")
	switch list := parts.ObjectParts; {
	case list == nil || len(list.Part) != 1 || list.PartsCount != 3 || !list.IsTruncated || list.NextPartNumberMarker != 2:
		t.Errorf("the second page of parts: %s", a.body)
	case list.Part[0].PartNumber != 2 || list.Part[0].Size != partSize || list.Part[0].ChecksumSHA256 != sums[2]:
		t.Errorf("the second part: %s", a.body)
	}
	if !strings.HasSuffix(parts.Checksum.ChecksumSHA256, "-3") || parts.Checksum.ChecksumType != "COMPOSITE" {
		t.Errorf("the composite checksum: %s", a.body)
	}
	a = p.do(t, "GET", "/"+b+"/parts?partNumber=2", nil, "X-Amz-Checksum-Mode: ENABLED").want(t, 206, "")
	if a.header.Get("X-Amz-Checksum-Sha256") != sums[2] || a.header.Get("X-Amz-Checksum-Type") != "COMPOSITE" {
		t.Errorf("part 2 comes with %v", a.header)
	}
	p.do(t, "GET", "/"+b+"/one?attributes", nil).want(t, 400, "InvalidRequest")
	p.do(t, "GET", "/"+b+"/one?attributes", nil, "X-Amz-Object-Attributes: Color").want(t, 400, "InvalidArgument")
	p.do(t, "GET", "/"+b+"/none?attributes", nil, all).want(t, 404, "NoSuchKey")
}
