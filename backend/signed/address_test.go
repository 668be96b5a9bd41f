package signed

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"ais/backend"
	"ais/object"
)

func urls(list []address) (out []string) {
	for _, a := range list {
		text := a.scheme + "://" + a.host + a.path
		if a.dial != a.host {
			text += " at " + a.dial
		}
		out = append(out, text)
	}
	return out
}

func TestAddresses(t *testing.T) {
	all := []Form{HostForm, PathForm, LegacyForm}
	for _, c := range []struct {
		name   string
		config backend.Config
		forms  []Form
		region string
		want   []string
	}{
		{"Amazon", backend.Config{Bucket: "bucket"}, all, "us-west-2", []string{
			"https://bucket.s3.us-west-2.amazonaws.com/", "https://s3.us-west-2.amazonaws.com/bucket/",
			"https://bucket.s3.amazonaws.com/", "https://s3.amazonaws.com/bucket/"}},
		{"another order", backend.Config{Bucket: "bucket"}, []Form{LegacyForm, HostForm}, "eu-west-1", []string{
			"https://bucket.s3.amazonaws.com/", "https://s3.amazonaws.com/bucket/", "https://bucket.s3.eu-west-1.amazonaws.com/"}},
		{"China", backend.Config{Bucket: "bucket"}, []Form{PathForm}, "cn-north-1", []string{"https://s3.cn-north-1.amazonaws.com.cn/bucket/"}},
		{"dots have no certificate", backend.Config{Bucket: "a.b.c"}, []Form{HostForm}, "us-east-1", []string{"https://a.b.c.s3.us-east-1.amazonaws.com/ at s3.us-east-1.amazonaws.com"}},
		{"V2, the bucket's region", backend.Config{Bucket: "bucket", Region: "us-east-2"}, []Form{HostForm}, "", []string{"https://bucket.s3.us-east-2.amazonaws.com/"}},
		{"V2, no region", backend.Config{Bucket: "bucket"}, []Form{HostForm}, "", []string{"https://bucket.s3.amazonaws.com/"}},
		{"endpoint", backend.Config{Bucket: "bucket", Endpoint: "http://s3.test:9000", PathStyle: backend.PathAuto}, all, "x", []string{
			"http://s3.test:9000/bucket/", "http://bucket.s3.test:9000/ at s3.test:9000"}},
		{"endpoint below a path", backend.Config{Bucket: "bucket", Endpoint: "https://s3.test/s3/"}, all, "x", []string{
			"https://s3.test/s3/bucket/", "https://bucket.s3.test/s3/ at s3.test"}},
		{"endpoint with buckets in hosts", backend.Config{Bucket: "bucket", Endpoint: "http://s3.test", PathStyle: backend.PathOff}, all, "", []string{
			"http://bucket.s3.test/ at s3.test", "http://s3.test/bucket/"}},
		{"endpoint with buckets in paths", backend.Config{Bucket: "bucket", Endpoint: "http://s3.test", PathStyle: backend.PathOn}, all, "", []string{"http://s3.test/bucket/"}},
		{"endpoint that is an address", backend.Config{Bucket: "bucket", Endpoint: "http://127.0.0.1:9000", PathStyle: backend.PathOff}, all, "", []string{"http://127.0.0.1:9000/bucket/"}},
	} {
		list, err := addresses(c.config, c.forms, c.region)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := urls(list); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
	for _, region := range []string{"us/west", "evil.example", "a@b", "-x", "X", "us-east-1#", strings.Repeat("a", 60)} {
		if list, err := addresses(backend.Config{Bucket: "bucket"}, all, region); object.KindOf(err) != object.Invalid || err == nil {
			t.Errorf("region %q: %v, %v", region, urls(list), err)
		}
	}
}

func TestPreferChoosesOnly(t *testing.T) {
	list, _ := addresses(backend.Config{Bucket: "bucket"}, []Form{HostForm, PathForm, LegacyForm}, "us-west-2")
	before := urls(list)
	prefer(list, "169.254.169.254")
	if !slices.Equal(urls(list), before) {
		t.Errorf("a host that is none of them: %q", urls(list))
	}
	prefer(list, "BUCKET.s3.amazonaws.com:443")
	if list[0].host != "bucket.s3.amazonaws.com" || len(list) != len(before) {
		t.Errorf("%q", urls(list))
	}
}

// FuzzAddresses has every address be one of the endpoint, or Amazon's.
func FuzzAddresses(f *testing.F) {
	f.Add("bucket", "", "us-west-2", "localhost:8080", "a/b", "host,path,legacy")
	f.Add("a.b", "http://s3.test:9000/s3", "", "bucket.s3.test", "//x", "path")
	f.Add("bucket", "", "x.evil.example/", "evil.example", "@evil.example/", "legacy,host")
	f.Fuzz(func(t *testing.T, bucket, endpoint, region, host, key, forms string) {
		list, err := addresses(backend.Config{Bucket: bucket, Endpoint: endpoint}, ParseForms(forms), region)
		if err != nil {
			return
		}
		if len(list) == 0 {
			t.Fatal("no address and no error")
		}
		n := len(list)
		if prefer(list, host); len(list) != n {
			t.Fatal("a hint changed how many there are")
		}
		for i := range list {
			u := target(&list[i], key, "")
			if u.Host != list[i].dial {
				t.Fatalf("connects to %q, not %q", u.Host, list[i].dial)
			}
			if endpoint != "" {
				if at, err := url.Parse(endpoint); err != nil || u.Host != at.Host {
					t.Fatalf("%q is not at %q", u.Host, endpoint)
				}
				continue
			}
			if !strings.HasSuffix(u.Host, ".amazonaws.com") && !strings.HasSuffix(u.Host, ".amazonaws.com.cn") || strings.ContainsAny(u.Host, "/@:#?\\ ") {
				t.Fatalf("%q is not Amazon's", u.Host)
			}
		}
	})
}
