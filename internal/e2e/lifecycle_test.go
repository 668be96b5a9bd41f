package e2e

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// startLifecycle starts a cluster in which a day of a lifecycle lasts for two
// seconds.
func startLifecycle(t *testing.T, o Options) *Cluster {
	t.Helper()
	c := Start(t, o)
	c.Shell(t).run(t, "ais config cluster lifecycle.day=2s lifecycle.interval=1s")
	return c
}

// lifecycle gives a bucket rules, each of which is what a Rule has besides its id
// and status.
func (p plain) lifecycle(t testing.TB, bucket string, rules ...string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("<LifecycleConfiguration>")
	for i, rule := range rules {
		fmt.Fprintf(&b, "<Rule><ID>rule %d</ID><Status>Enabled</Status>%s</Rule>", i, rule)
	}
	b.WriteString("</LifecycleConfiguration>")
	p.do(t, "PUT", "/"+bucket+"?lifecycle", []byte(b.String())).want(t, 200, "")
}

// versions lists all versions of a bucket: "key 7", where the number is the content's
// length, or "key marker", each with "latest" if it is so.
func (p plain) versions(t testing.TB, bucket string) []string {
	t.Helper()
	a := p.do(t, "GET", "/"+bucket+"?versions", nil).want(t, 200, "")
	type version struct {
		XMLName  xml.Name
		Key      string
		Size     int
		IsLatest bool
	}
	var doc struct {
		IsTruncated bool
		All         []version `xml:",any"`
	}
	if err := xml.Unmarshal(a.body, &doc); err != nil || doc.IsTruncated {
		t.Fatalf("%v in %s", err, a.body)
	}
	var list []string
	for _, v := range doc.All {
		line := fmt.Sprint(v.Key, " ", v.Size)
		switch v.XMLName.Local {
		case "DeleteMarker":
			line = v.Key + " marker"
		case "Version":
		default:
			continue
		}
		if v.IsLatest {
			line += " latest"
		}
		list = append(list, line)
	}
	slices.Sort(list)
	return list
}

// eventuallyIs waits until get returns want.
func eventuallyIs(t *testing.T, what string, want []string, get func() []string) {
	t.Helper()
	Eventually(t, 30*time.Second, what, func() error {
		if got := get(); !slices.Equal(got, want) {
			return fmt.Errorf("%q, want %q", got, want)
		}
		return nil
	})
}

func TestLifecycleExpiration(t *testing.T) {
	t.Parallel()
	c := startLifecycle(t, Options{})
	p := c.Plain()
	b, other := p.bucket(t), p.bucket(t)
	for _, key := range []string{"logs/a", "logs/b", "log", "sized/4", "late/x"} {
		p.put(t, b, key, []byte("1234"))
	}
	p.put(t, b, "sized/5", []byte("12345"))
	p.put(t, b, "tagged/yes", []byte("x"), "X-Amz-Tagging: keep=no&other=1")
	p.put(t, b, "tagged/no", []byte("x"), "X-Amz-Tagging: keep=yes&other=1")
	p.put(t, b, "dated/x", []byte("x"))
	p.put(t, other, "logs/a", []byte("of a bucket without rules"))
	old, kept := p.begin(t, b, "uploads/old"), p.begin(t, b, "elsewhere/old")
	old.part(t, 1, []byte("part")).want(t, 200, "")
	kept.part(t, 1, []byte("part")).want(t, 200, "")
	p.lifecycle(t, b,
		"<Filter><Prefix>logs/</Prefix></Filter><Expiration><Days>1</Days></Expiration>",
		"<Filter><And><Prefix>sized/</Prefix><ObjectSizeGreaterThan>4</ObjectSizeGreaterThan></And></Filter><Expiration><Days>1</Days></Expiration>",
		"<Filter><And><Prefix>tagged/</Prefix><Tag><Key>keep</Key><Value>no</Value></Tag><Tag><Key>other</Key><Value>1</Value></Tag></And></Filter><Expiration><Days>1</Days></Expiration>",
		"<Filter><Prefix>late/</Prefix></Filter><Expiration><Days>1000</Days></Expiration>",
		"<Filter><Prefix>dated/</Prefix></Filter><Expiration><Date>2024-01-01T00:00:00Z</Date></Expiration>",
		"<Filter><Prefix>uploads/</Prefix></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>")
	for _, method := range []string{"GET", "HEAD"} {
		a := p.do(t, method, "/"+b+"/late/x", nil).want(t, 200, "")
		wantIn(t, a.header.Get("X-Amz-Expiration"), `expiry-date="`, ` GMT", rule-id="rule%203"`)
		if a = p.do(t, method, "/"+b+"/log", nil).want(t, 200, ""); a.header.Get("X-Amz-Expiration") != "" {
			t.Errorf("%s of what does not expire: %q", method, a.header.Get("X-Amz-Expiration"))
		}
	}
	a := p.put(t, b, "late/y", []byte("x"))
	wantIn(t, a.header.Get("X-Amz-Expiration"), `rule-id="rule%203"`)

	want := []string{"late/x", "late/y", "log", "sized/4", "tagged/no"}
	eventuallyIs(t, "what is due expires", want, func() []string { return p.list(t, b) })
	Eventually(t, 30*time.Second, "the upload ends", func() error {
		if a := old.part(t, 2, []byte("part")); a.code != "NoSuchUpload" {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	kept.complete(t, kept.manifest(1)).want(t, 200, "")
	p.same(t, other, "logs/a", []byte("of a bucket without rules"))

	expired, aborted := 0.0, 0.0
	for _, node := range c.Names("target") {
		expired += c.metric(t, node, `ais_target_lifecycle_done_count{action="expire"`)
		aborted += c.metric(t, node, `ais_target_lifecycle_done_count{action="abort_upload"`)
		if c.metric(t, node, "ais_target_lifecycle_last_run_timestamp_seconds") == 0 {
			t.Errorf("%s has no last run", node)
		}
	}
	if expired != 5 || aborted != 1 {
		t.Errorf("%v expired and %v aborted are counted, want 5 and 1", expired, aborted)
	}

	p.do(t, "DELETE", "/"+b+"?lifecycle", nil).want(t, 204, "")
	p.put(t, b, "logs/c", []byte("x"))
	time.Sleep(5 * time.Second) // two days and a run: nothing may happen, so there is nothing to wait for
	p.same(t, b, "logs/c", []byte("x"))
}

// What is written again and again never expires, though each of its writes would.
func TestLifecycleSparesFreshOverwrites(t *testing.T) {
	t.Parallel()
	c := startLifecycle(t, Options{Plain: true})
	p := c.Plain()
	b := p.bucket(t)
	p.lifecycle(t, b, "<Filter><Prefix></Prefix></Filter><Expiration><Days>1</Days></Expiration>")
	for i := range 20 {
		p.put(t, b, fmt.Sprint("idle", i), []byte("x"))
	}
	for n := 0; ; n++ {
		for i := range 20 {
			p.put(t, b, fmt.Sprint("busy", i), fmt.Append(nil, n))
		}
		for i := range 20 {
			p.same(t, b, fmt.Sprint("busy", i), fmt.Append(nil, n))
		}
		left := p.list(t, b)
		if len(left) == 20 && n > 40 {
			break
		}
		if n > 600 {
			t.Fatalf("%q are left", left)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestLifecycleVersions(t *testing.T) {
	t.Parallel()
	c := startLifecycle(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	p.put(t, b, "null", []byte("1")) // from before there were versions
	p.do(t, "PUT", "/"+b+"?versioning", []byte("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")).want(t, 200, "")
	p.put(t, b, "null", []byte("22"))
	for i := range 5 {
		p.put(t, b, "many", []byte(strings.Repeat("m", i+1)))
		p.put(t, b, "kept/k", []byte(strings.Repeat("k", i+1)))
	}
	p.put(t, b, "gone", []byte("g"))
	p.do(t, "DELETE", "/"+b+"/gone", nil).want(t, 204, "")
	p.put(t, b, "expires", []byte("e"))
	p.lifecycle(t, b,
		"<Filter><Prefix>many</Prefix></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>",
		"<Filter><Prefix>null</Prefix></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>",
		"<Filter><Prefix>gone</Prefix></Filter><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>",
		"<Filter><Prefix>expires</Prefix></Filter><Expiration><Days>1</Days></Expiration>")
	want := []string{
		"expires 1", "expires marker latest", // expiration deletes as a client does
		"kept/k 1", "kept/k 2", "kept/k 3", "kept/k 4", "kept/k 5 latest",
		"many 3", "many 4", "many 5 latest",
		"null 2 latest",
	}
	eventuallyIs(t, "old versions and lone markers go", want, func() []string { return p.versions(t, b) })
	p.same(t, b, "many", []byte("mmmmm"))
	p.absent(t, b, "expires")
	p.lifecycle(t, b, "<Filter><Prefix></Prefix></Filter><Expiration><Days>1</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>")
	eventuallyIs(t, "nothing is left, not even markers", nil, func() []string { return p.versions(t, b) })
	p.do(t, "DELETE", "/"+b, nil).want(t, 204, "")
}
