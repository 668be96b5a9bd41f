package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A bucket of the remote is there from its first use on, and one that is not
// there is asked for once in a while.
func TestRemoteBucketOnFirstUse(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r Remote) {
		c := Cached(t, r)
		b := r.bucket(t)
		data := random(1, 70_000)
		etag := r.put(t, b, "dir/file", data)
		p := c.Plain()
		p.same(t, b, "dir/file", data) // no step before it
		if got := p.header(t, b, "dir/file", "ETag"); got != etag {
			t.Errorf("ETag %s, the remote's is %s", got, etag)
		}
		p.do(t, "HEAD", "/"+b, nil).want(t, 200, "")
		wantIn(t, string(p.do(t, "GET", "/", nil).body), "<Name>"+b+"</Name>", "Provider: aws")
		wantIn(t, c.ais(t, "ls s3:"), "s3://"+b)

		absent := bucketName(t)
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			p.do(t, method, "/"+absent+"/k", []byte("x")).want(t, 404, "NoSuchBucket")
		}
		if _, err := c.Shell(t).try(t, "ais create aws://"+absent); err == nil {
			t.Error("a bucket that the remote does not have was made")
		}
		r.plain().do(t, "PUT", "/"+absent, nil).want(t, 200, "")
		Eventually(t, 15*time.Second, "a bucket that was made at the remote is found", func() error {
			if a := p.do(t, "HEAD", "/"+absent, nil); a.status != 200 {
				return fmt.Errorf("%v", a)
			}
			return nil
		})
	})
}

// Made by hand, shown, and forgotten; the remote keeps all.
func TestRemoteBucketByHand(t *testing.T) {
	t.Parallel()
	r := Moto(t)
	c := Cached(t, r)
	b := r.bucket(t)
	r.put(t, b, "k", []byte("content"))
	out := c.RemoteShell(t, r).run(t, `
	ais create aws://`+b+`
	ais ls s3://`+b+` --all
	ais bucket show aws://`+b+`
	ais get aws://`+b+`/k - ; echo
	ais ls s3://`+b+`
	S3 ls s3://`+b+`/
	ais evict aws://`+b+`
	REMOTE s3 ls s3://`+b+`/
	`)
	wantIn(t, out, `://`+b+`" created`, "CACHED", "STATUS", "content")
	if _, err := c.Shell(t).try(t, "ais ls s3: --json | grep "+b); err == nil {
		t.Error("an evicted bucket is listed")
	}
	// S3 removes no bucket there.
	p := c.Plain()
	p.same(t, b, "k", []byte("content"))
	if a := p.do(t, "DELETE", "/"+b, nil); a.status < 400 {
		t.Errorf("DeleteBucket of a remote bucket: %v", a)
	}
	if a := r.plain().get(t, b, "k"); a.status != 200 {
		t.Errorf("the remote's object after all that: %v", a)
	}
}

// Two buckets of one name: the S3 path means the ais:// one, ?provider and a
// setting mean the other, and listings warn.
func TestRemoteBucketOfSameName(t *testing.T) {
	t.Parallel()
	r := Moto(t)
	c := Start(t, Options{Targets: 2, Remote: r, Plain: true})
	p := c.Plain()
	b := r.bucket(t)
	r.put(t, b, "k", []byte("remote's"))
	c.ais(t, "create ais://"+b)
	c.ais(t, "create aws://"+b)
	p.put(t, b, "k", []byte("here"))
	p.same(t, b, "k", []byte("here"))
	for _, provider := range []string{"aws", "s3"} {
		a := p.do(t, "GET", "/"+b+"/k?provider="+provider, nil).want(t, 200, "")
		if string(a.body) != "remote's" {
			t.Errorf("?provider=%s: %q", provider, a.body)
		}
	}
	wantIn(t, string(p.do(t, "GET", "/", nil).body), fmt.Sprintf("Provider: aws (WARNING: {%s, Provider: ais} and {%s, Provider: aws} share the same name)", b, b), "Provider: ais")
	p.do(t, "PUT", "/"+b+"/new?provider=aws", []byte("through")).want(t, 200, "")
	if a := r.plain().get(t, b, "new"); string(a.body) != "through" {
		t.Errorf("at the remote: %v", a)
	}
	p.absent(t, b, "new")
	wantIn(t, string(p.do(t, "GET", "/"+b+"?list-type=2&provider=aws", nil).want(t, 200, "").body), "<Key>new</Key>")
	c.ais(t, "config cluster s3.provider=aws")
	p.same(t, b, "new", []byte("through"))
	if a := p.do(t, "GET", "/"+b+"/k?provider=ais", nil).want(t, 200, ""); string(a.body) != "here" {
		t.Errorf("?provider=ais: %q", a.body)
	}
}

// A bucket's own endpoint, profile and path style win over the cluster's.
func TestRemoteOfBucket(t *testing.T) {
	t.Parallel()
	one, two := Moto(t), SecondAIS(t)
	c := Start(t, Options{Targets: 2, Remote: one, Plain: true})
	keys := fmt.Sprintf("[second]\naws_access_key_id = %s\naws_secret_access_key = %s\n", two.Key.Access, two.Key.Secret)
	if err := os.WriteFile(filepath.Join(c.Dir, "aws-credentials"), []byte(keys), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Dir, "aws-config"), []byte("[profile second]\nregion = us-east-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	here, there := one.bucket(t), two.bucket(t)
	one.put(t, here, "k", []byte("one"))
	two.put(t, there, "k", []byte("two"))
	c.ais(t, fmt.Sprintf(`create aws://%s --skip-lookup --props "extra.aws.endpoint=%s extra.aws.profile=second extra.aws.cloud_region=us-east-1 extra.aws.path_style=true"`, there, two.Endpoint))
	p := c.Plain()
	p.same(t, here, "k", []byte("one"))
	p.same(t, there, "k", []byte("two"))
	p.put(t, there, "new", []byte("through"))
	if a := two.plain().get(t, there, "new"); string(a.body) != "through" {
		t.Errorf("at the other remote: %v", a)
	}
	// A key that may not: the remote's refusal comes through, as what it is.
	c.ais(t, "bucket props set aws://"+there+" extra.aws.profile=")
	if a := p.get(t, there, "never-read"); a.status != 403 || a.code == "" {
		t.Errorf("with a key that the remote does not know: %v", a)
	}
	// A profile that is not there is the cluster's trouble, said clearly.
	c.ais(t, "bucket props set aws://"+there+" extra.aws.profile=missing")
	if a := p.get(t, there, "never-read"); a.status < 400 || !strings.Contains(string(a.body), "missing") {
		t.Errorf("with a profile that is not there: %v", a)
	}
}

// Without remote buckets turned on no request goes anywhere.
func TestRemoteNotEnabled(t *testing.T) {
	t.Parallel()
	c := Shared(t, Options{})
	b := bucketName(t)
	c.Plain().do(t, "GET", "/"+b+"/k", nil).want(t, 404, "NoSuchBucket")
	if out, err := c.Shell(t).try(t, "ais create aws://"+b); err == nil || !strings.Contains(out, "backend.aws.enabled") {
		t.Errorf("%v %s", err, out)
	}
}
