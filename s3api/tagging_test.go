package s3api

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"ais/object"
)

func tagging(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "<Tag><Key>%s</Key><Value>%s</Value></Tag>", pairs[i], pairs[i+1])
	}
	return "<Tagging><TagSet>" + b.String() + "</TagSet></Tagging>"
}

func TestParseTagging(t *testing.T) {
	var ten []string
	for i := range 10 {
		ten = append(ten, fmt.Sprint(i), "v")
	}
	long := strings.Repeat("é", 128)
	for doc, want := range map[string]map[string]string{
		tagging():                  {},
		tagging("b", "2", "a", ""): {"a": "", "b": "2"},
		tagging(long, long+long):   {long: long + long},
		tagging("a b", "+-=._:/@"): {"a b": "+-=._:/@"},
		tagging("日本", "٣"):         {"日本": "٣"},
		`<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet> <Tag><Value>v</Value><Key>k</Key></Tag></TagSet></Tagging>`: {"k": "v"},
	} {
		got, err := ParseTagging([]byte(doc), MaxObjectTags)
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%.80s: %v %v", doc, got, err)
			continue
		}
		again, err := ParseTagging(AppendTagging(nil, got), MaxObjectTags)
		if err != nil || !maps.Equal(again, want) {
			t.Errorf("%v comes back as %v %v", got, again, err)
		}
	}
	if tags, err := ParseTagging([]byte(tagging(ten...)), MaxObjectTags); err != nil || len(tags) != 10 {
		t.Errorf("ten: %v %v", tags, err)
	}
	for doc, want := range map[string]*Error{
		tagging(append(ten, "x", "v")...): InvalidTag,
		tagging("a", "1", "a", "2"):       InvalidTag,
		tagging("", "1"):                  InvalidTag,
		tagging("aws:x", "1"):             InvalidTag,
		tagging("a*", "1"):                InvalidTag,
		tagging("a", "1\n"):               InvalidTag,
		tagging(long+"x", ""):             InvalidTag,
		tagging("a", long+long+"x"):       InvalidTag,
		"":                                MalformedXML, "<Tagging/>": MalformedXML, "<Tag/>": MalformedXML,
		"<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>":     MalformedXML,
		"<Tagging><TagSet><Tag><Value>k</Value></Tag></TagSet></Tagging>": MalformedXML,
		"<Tagging><TagSet/></Tagging><Tagging/>":                          MalformedXML,
	} {
		if _, err := ParseTagging([]byte(doc), MaxObjectTags); !errors.Is(err, want) {
			t.Errorf("%.80s: %v", doc, err)
		}
	}
	golden(t, "tagging", AppendTagging(nil, map[string]string{"b": "2", "a": "x <y>", "c": ""}))
}

func TestTaggingHeader(t *testing.T) {
	tags, present, err := ParseTaggingHeader(newRequest(t, "PUT", "/bkt/k", "x-amz-tagging: a=1&b+c=d%2Fe&f"))
	if err != nil || !present || !maps.Equal(tags, map[string]string{"a": "1", "b c": "d/e", "f": ""}) {
		t.Errorf("%v %v %v", tags, present, err)
	}
	if tags, present, err = ParseTaggingHeader(newRequest(t, "PUT", "/bkt/k")); tags != nil || present || err != nil {
		t.Errorf("none: %v %v %v", tags, present, err)
	}
	if tags, present, err = ParseTaggingHeader(newRequest(t, "PUT", "/bkt/k", "x-amz-tagging:")); len(tags) != 0 || !present || err != nil {
		t.Errorf("empty: %v %v %v", tags, present, err)
	}
	for _, bad := range []string{"a=1&a=2", "=1", "a=%00", strings.Repeat("k", 129) + "=", "a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1&k=1"} {
		if _, _, err := ParseTaggingHeader(newRequest(t, "PUT", "/bkt/k", "x-amz-tagging: "+bad)); !errors.Is(err, InvalidTag) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	r := newRequest(t, "GET", "/bkt/k")
	WriteTagCount(r, &object.Meta{Tags: map[string]string{"a": "", "b": ""}})
	if got := string(r.ctx.Response.Header.Peek(hTaggingCount)); got != "2" {
		t.Error(got)
	}
	for value, want := range map[string]bool{"": false, "COPY": false, "REPLACE": true} {
		if got, err := ParseTaggingDirective(newRequest(t, "PUT", "/bkt/k", "x-amz-tagging-directive: "+value)); got != want || err != nil {
			t.Errorf("%q: %v %v", value, got, err)
		}
	}
	if _, err := ParseTaggingDirective(newRequest(t, "PUT", "/bkt/k", "x-amz-tagging-directive: MOVE")); !errors.Is(err, InvalidArgument) {
		t.Error(err)
	}
}

func FuzzTagging(f *testing.F) {
	f.Add(tagging("a", "1", "b", "&lt;"), "a=1&b+c=d%2F")
	f.Fuzz(func(t *testing.T, doc, query string) {
		for _, parse := range []func() (map[string]string, error){
			func() (map[string]string, error) { return ParseTagging([]byte(doc), MaxObjectTags) },
			func() (map[string]string, error) { return parseTagQuery(query) },
		} {
			tags, err := parse()
			if err != nil {
				continue
			}
			again, err := ParseTagging(AppendTagging(nil, tags), MaxObjectTags)
			if err != nil || !maps.Equal(tags, again) {
				t.Fatalf("%q comes back as %q %v", tags, again, err)
			}
		}
	})
}
