package s3api

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// rule makes a document of one rule, with an id and a status unless it has them.
func rule(elements string) string {
	if !strings.Contains(elements, "<ID>") {
		elements = "<ID>r</ID>" + elements
	}
	if !strings.Contains(elements, "<Status>") {
		elements += "<Status>Enabled</Status>"
	}
	return "<LifecycleConfiguration><Rule>" + elements + "</Rule></LifecycleConfiguration>"
}

const (
	anything = "<Filter/>"
	oneDay   = "<Expiration><Days>1</Days></Expiration>"
)

func TestParseLifecycle(t *testing.T) {
	none := LifecycleFilter{SizeGreater: -1}
	day := time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name, rule string
		want       LifecycleRule
	}{
		{"days", anything + oneDay, LifecycleRule{ID: "r", Enabled: true, Filter: none, ExpireDays: 1}},
		{"old prefix", "<Prefix>p/</Prefix>" + oneDay + "<Status>Disabled</Status>", LifecycleRule{ID: "r", Filter: LifecycleFilter{SizeGreater: -1, Prefix: "p/", legacy: true}, ExpireDays: 1}},
		{"date", anything + "<Expiration><Date>2030-01-02T00:00:00.000Z</Date></Expiration>", LifecycleRule{ID: "r", Enabled: true, Filter: none, ExpireDate: day}},
		{"date alone", anything + "<Expiration><Date>2030-01-02</Date></Expiration>", LifecycleRule{ID: "r", Enabled: true, Filter: none, ExpireDate: day}},
		{"date elsewhere", anything + "<Expiration><Date>2030-01-02T02:00:00+02:00</Date></Expiration>", LifecycleRule{ID: "r", Enabled: true, Filter: none, ExpireDate: day}},
		{"marker", "<Filter><Prefix></Prefix></Filter><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>",
			LifecycleRule{ID: "r", Enabled: true, Filter: LifecycleFilter{SizeGreater: -1, prefix: true}, ExpireMarker: true}},
		{"nothing to expire", anything + "<Expiration><ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker></Expiration>", LifecycleRule{ID: "r", Enabled: true, Filter: none}},
		{"noncurrent", anything + "<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays><NewerNoncurrentVersions>5</NewerNoncurrentVersions></NoncurrentVersionExpiration>",
			LifecycleRule{ID: "r", Enabled: true, Filter: none, NoncurrentDays: 3, NewerNoncurrent: 5}},
		{"uploads", "<Filter><Prefix>u</Prefix></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>",
			LifecycleRule{ID: "r", Enabled: true, Filter: LifecycleFilter{SizeGreater: -1, Prefix: "u", prefix: true}, AbortDays: 2}},
		{"tag", "<Filter><Tag><Key>k</Key><Value>v&lt;</Value></Tag></Filter>" + oneDay, LifecycleRule{}},
		{"sizes", "<Filter><And><ObjectSizeGreaterThan>0</ObjectSizeGreaterThan><ObjectSizeLessThan>10</ObjectSizeLessThan></And></Filter>" + oneDay,
			LifecycleRule{ID: "r", Enabled: true, Filter: LifecycleFilter{SizeLess: 10, and: true}, ExpireDays: 1}},
		{"all", "<ID>x &amp; y</ID><Filter><And><Tag><Key>b</Key><Value/></Tag><Prefix>p</Prefix><Tag><Key>a</Key><Value>1</Value></Tag><ObjectSizeLessThan>5</ObjectSizeLessThan></And></Filter>" + oneDay +
			"<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays></NoncurrentVersionExpiration>",
			LifecycleRule{ID: "x & y", Enabled: true, ExpireDays: 1, NoncurrentDays: 3,
				Filter: LifecycleFilter{Prefix: "p", Tags: map[string]string{"a": "1", "b": ""}, SizeGreater: -1, SizeLess: 5, and: true, prefix: true}}},
	}
	for _, tt := range tests {
		got, err := ParseLifecycle([]byte(rule(tt.rule)))
		if tt.name == "tag" { // "<" is not in a tag
			if !errors.Is(err, InvalidTag) {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, []LifecycleRule{tt.want}) {
			t.Errorf("%s: %+v %v", tt.name, got, err)
			continue
		}
		again, err := ParseLifecycle(AppendLifecycle(nil, got))
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s comes back as %+v %v", tt.name, again, err)
		}
	}
	rules, err := ParseLifecycle([]byte(rule(tests[len(tests)-1].rule)))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "lifecycle", AppendLifecycle(nil, append(rules, LifecycleRule{ID: "2", Filter: LifecycleFilter{legacy: true, SizeGreater: -1}, ExpireDate: day},
		LifecycleRule{ID: "3", Enabled: true, Filter: LifecycleFilter{SizeGreater: 5}, AbortDays: 7})))
}

func TestLifecycleIDs(t *testing.T) {
	doc := strings.ReplaceAll(rule(anything+oneDay), "<ID>r</ID>", "")
	rules, err := ParseLifecycle([]byte(strings.Replace(doc, "</Rule>", "</Rule><Rule>"+anything+oneDay+"<Status>Enabled</Status></Rule>", 1)))
	if err != nil || len(rules) != 2 || rules[0].ID == "" || rules[0].ID == rules[1].ID {
		t.Errorf("%+v %v", rules, err)
	}
}

func TestParseLifecycleRefuses(t *testing.T) {
	tests := []struct {
		name, doc string
		want      *Error
	}{
		{"nothing", "", MalformedXML},
		{"no rule", "<LifecycleConfiguration/>", MalformedXML},
		{"too many", "<LifecycleConfiguration>" + many(1001) + "</LifecycleConfiguration>", MalformedXML},
		{"same id", "<LifecycleConfiguration>" + strings.Repeat("<Rule><ID>a</ID><Status>Enabled</Status>"+anything+oneDay+"</Rule>", 2) + "</LifecycleConfiguration>", InvalidArgument},
		{"long id", rule("<ID>" + strings.Repeat("a", 256) + "</ID>" + anything + oneDay), InvalidArgument},
		{"status", rule(anything + oneDay + "<Status>enabled</Status>"), MalformedXML},
		{"no status", rule(anything + oneDay + "<Status></Status>"), MalformedXML},
		{"no filter", rule(oneDay), MalformedXML},
		{"filter and prefix", rule(anything + "<Prefix/>" + oneDay), MalformedXML},
		{"two predicates", rule("<Filter><Prefix/><Tag><Key>a</Key><Value/></Tag></Filter>" + oneDay), MalformedXML},
		{"empty and", rule("<Filter><And/></Filter>" + oneDay), MalformedXML},
		{"nested and", rule("<Filter><And><And/></And></Filter>" + oneDay), MalformedXML},
		{"unknown predicate", rule("<Filter><Suffix/></Filter>" + oneDay), MalformedXML},
		{"same tag", rule("<Filter><And><Tag><Key>a</Key><Value/></Tag><Tag><Key>a</Key><Value/></Tag></And></Filter>" + oneDay), InvalidTag},
		{"negative size", rule("<Filter><ObjectSizeGreaterThan>-1</ObjectSizeGreaterThan></Filter>" + oneDay), InvalidRequest},
		{"sizes crossed", rule("<Filter><And><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan><ObjectSizeLessThan>5</ObjectSizeLessThan></And></Filter>" + oneDay), InvalidRequest},
		{"long prefix", rule("<Prefix>" + strings.Repeat("p", 1025) + "</Prefix>" + oneDay), InvalidRequest},
		{"no action", rule(anything), InvalidRequest},
		{"empty expiration", rule(anything + "<Expiration/>"), MalformedXML},
		{"two expirations", rule(anything + "<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"), MalformedXML},
		{"no days", rule(anything + "<Expiration><Days>0</Days></Expiration>"), InvalidArgument},
		{"negative days", rule(anything + "<Expiration><Days>-1</Days></Expiration>"), InvalidArgument},
		{"endless days", rule(anything + "<Expiration><Days>2147483648</Days></Expiration>"), InvalidArgument},
		{"half a day", rule(anything + "<Expiration><Days>0.5</Days></Expiration>"), MalformedXML},
		{"no date", rule(anything + "<Expiration><Date>20200101</Date></Expiration>"), InvalidArgument},
		{"noon", rule(anything + "<Expiration><Date>2030-01-02T12:00:00Z</Date></Expiration>"), InvalidArgument},
		{"marker by tag", rule("<Filter><Tag><Key>a</Key><Value/></Tag></Filter><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"), InvalidRequest},
		{"uploads by tag", rule("<Filter><Tag><Key>a</Key><Value/></Tag></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"), InvalidRequest},
		{"uploads by size", rule("<Filter><ObjectSizeLessThan>5</ObjectSizeLessThan></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"), InvalidRequest},
		{"uploads at once", rule(anything + "<AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation></AbortIncompleteMultipartUpload>"), InvalidArgument},
		{"noncurrent without days", rule(anything + "<NoncurrentVersionExpiration><NewerNoncurrentVersions>5</NewerNoncurrentVersions></NoncurrentVersionExpiration>"), InvalidArgument},
		{"too many newer", rule(anything + "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>101</NewerNoncurrentVersions></NoncurrentVersionExpiration>"), InvalidArgument},
		{"transition", rule(anything + oneDay + "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>"), NotImplemented},
		{"transition at no date", rule(anything + oneDay + "<Transition><Date>1970-08-22T19:21:41Z</Date><StorageClass>GLACIER</StorageClass></Transition>"), InvalidArgument},
		{"unknown", rule(anything + oneDay + "<Colour>red</Colour>"), MalformedXML},
	}
	for _, tt := range tests {
		if rules, err := ParseLifecycle([]byte(tt.doc)); !errors.Is(err, tt.want) || rules != nil {
			t.Errorf("%s: %v %v", tt.name, rules, err)
		}
	}
}

// many returns n rules.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<Rule><ID>%d</ID><Status>Enabled</Status>%s%s</Rule>", i, anything, oneDay)
	}
	return b.String()
}

func FuzzLifecycle(f *testing.F) {
	f.Add(rule(anything + oneDay))
	f.Add(rule("<Filter><And><Prefix>p</Prefix><Tag><Key>a</Key><Value>1</Value></Tag><ObjectSizeLessThan>5</ObjectSizeLessThan></And></Filter><Expiration><Date>2030-01-02T00:00:00Z</Date></Expiration>"))
	f.Add(rule("<Prefix/><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>"))
	f.Fuzz(func(t *testing.T, document string) {
		rules, err := ParseLifecycle([]byte(document))
		if err != nil {
			return
		}
		again, err := ParseLifecycle(AppendLifecycle(nil, rules))
		if err != nil || !reflect.DeepEqual(again, rules) {
			t.Fatalf("%+v comes back as %+v %v", rules, again, err)
		}
	})
}
