package s3

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const listHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`

// aList is an answer as stores write it.
func aList(contents int) string {
	var b strings.Builder
	b.WriteString(listHead + "<Name>b</Name><Prefix/><KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>" +
		"<NextContinuationToken>a&amp;b</NextContinuationToken>")
	for i := range contents {
		fmt.Fprintf(&b, "<Contents><Key>dir%%2F%06d&lt;&#34;</Key><LastModified>2026-11-22T15:13:%02d.123Z</LastModified><ETag>&quot;%032x&quot;</ETag><Size>%d</Size>"+
			"<Owner xsi:type=\"a\"><ID>1</ID><DisplayName></DisplayName></Owner><ChecksumAlgorithm>CRC32</ChecksumAlgorithm><StorageClass>STANDARD</StorageClass></Contents>\n", i, i%60, i, i)
	}
	b.WriteString("<CommonPrefixes><Prefix>x/</Prefix></CommonPrefixes><CommonPrefixes>\n <Prefix>y/</Prefix> </CommonPrefixes></ListBucketResult>\n")
	return b.String()
}

// listed is a list as encoding/xml reads it.
type listed struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	IsTruncated           string
	NextContinuationToken string
	EncodingType          string
	Contents              []struct{ Key, LastModified, ETag, Size, StorageClass string }
	CommonPrefixes        []struct{ Prefix string }
}

// check compares what was read with what encoding/xml reads, where that reads
// anything.
func check(t *testing.T, body string) {
	t.Helper()
	got, ok := readList(body)
	var want listed
	if !ok || xml.Unmarshal([]byte(body), &want) != nil {
		return
	}
	if len(got.Contents) != len(want.Contents) || len(got.CommonPrefixes) != len(want.CommonPrefixes) ||
		aws.ToString(got.NextContinuationToken) != want.NextContinuationToken || string(got.EncodingType) != want.EncodingType {
		t.Fatalf("%q: %+v, want %+v", body, got, want)
	}
	for i, o := range got.Contents {
		w := want.Contents[i]
		if aws.ToString(o.Key) != w.Key || aws.ToString(o.ETag) != w.ETag || string(o.StorageClass) != w.StorageClass {
			t.Fatalf("%q: %q %q, want %+v", body, aws.ToString(o.Key), aws.ToString(o.ETag), w)
		}
	}
	for i, p := range got.CommonPrefixes {
		if aws.ToString(p.Prefix) != want.CommonPrefixes[i].Prefix {
			t.Fatalf("%q: %q", body, aws.ToString(p.Prefix))
		}
	}
}

func TestReadList(t *testing.T) {
	for _, n := range []int{0, 1, 1000} {
		body := aList(n)
		got, ok := readList(body)
		if !ok || len(got.Contents) != n || !aws.ToBool(got.IsTruncated) || aws.ToString(got.NextContinuationToken) != "a&b" {
			t.Fatal(n, ok, got)
		}
		check(t, body)
		for i, o := range got.Contents {
			if *o.Size != int64(i) || !o.LastModified.Equal(time.Date(2026, 11, 22, 15, 13, i%60, 123e6, time.UTC)) {
				t.Fatal(i, *o.Size, *o.LastModified)
			}
		}
	}
}

// TestReadListLeavesOddOnes: what is not as stores write it, or not all there, is
// left to the SDK.
func TestReadListLeavesOddOnes(t *testing.T) {
	whole := aList(2)
	for i := range len(whole) - 1 {
		if _, ok := readList(whole[:i]); ok {
			t.Fatalf("%d bytes of %d are no list", i, len(whole))
		}
	}
	for _, body := range []string{
		"", "<Error><Code>x</Code></Error>", whole + "x", whole + whole,
		listHead + "<!-- x --></ListBucketResult>",
		listHead + "<Contents><Key><![CDATA[a]]></Key></Contents></ListBucketResult>",
		listHead + "<Contents><Key>\u00e9</Key></Contents></ListBucketResult>",
		listHead + "<Contents><Key>a\nb</Key></Contents></ListBucketResult>",
		listHead + "<Contents><Key>&nbsp;</Key></Contents></ListBucketResult>",
		listHead + "<Contents><Key>&</Key></Contents></ListBucketResult>",
		listHead + "<Contents><Key>a</Kay></Contents></ListBucketResult>",
		listHead + "<Contents><Size>many</Size></Contents></ListBucketResult>",
		listHead + "<Contents><LastModified>today</LastModified></Contents></ListBucketResult>",
		listHead + "<IsTruncated>perhaps</IsTruncated></ListBucketResult>",
		`<?xml version="1.0" encoding="UTF-16"?><ListBucketResult></ListBucketResult>`,
		`<a:ListBucketResult xmlns:a="x"></a:ListBucketResult>`,
		listHead + strings.Repeat("<A>", 1e6) + strings.Repeat("</A>", 1e6) + "</ListBucketResult>",
		listHead, "<ListBucketResult/>", "<ListBucketResult></ListBucketResul",
	} {
		if _, ok := readList(body); ok {
			t.Errorf("%.200q was taken", body)
		}
	}
}

func FuzzReadList(f *testing.F) {
	f.Add(aList(1))
	f.Add("<ListBucketResult><Contents><Key/></Contents><A><B/>x</A></ListBucketResult>")
	f.Fuzz(check)
}

func BenchmarkReadList(b *testing.B) {
	body := aList(1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := readList(body); !ok {
			b.Fatal("it was not taken")
		}
	}
}
