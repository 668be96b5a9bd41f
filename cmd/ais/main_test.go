package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// result is what a run of the program left.
type result struct {
	out, err string
	code     int
}

// runner runs the program against a fake, in an empty directory.
type runner struct {
	t     *testing.T
	fake  *fake
	stdin string
	env   map[string]string
	sizes sizes
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	t.Chdir(t.TempDir())
	f := startFake(t)
	return &runner{t: t, fake: f, env: map[string]string{"AIS_ENDPOINT": f.url}, sizes: defaultSizes()}
}

func (r *runner) run(args ...string) result {
	r.t.Helper()
	var out, errOut bytes.Buffer
	a := newApp(strings.NewReader(r.stdin), &out, &errOut, func(name string) (string, bool) {
		v, ok := r.env[name]
		return v, ok
	})
	a.zone = time.UTC
	a.sizes = r.sizes
	code := a.run(context.Background(), args)
	return result{out.String(), errOut.String(), code}
}

// want runs a command line and compares its output.
func (r *runner) want(command, out string) {
	r.t.Helper()
	got := r.run(strings.Fields(command)...)
	if got.code != 0 || got.err != "" {
		r.t.Errorf("ais %s: exit %d, %s", command, got.code, got.err)
	}
	if got.out != out {
		r.t.Errorf("ais %s wrote\n%s\nwant\n%s", command, got.out, out)
	}
}

// fails runs a command line that must fail, with the code and a part of the
// message.
func (r *runner) fails(command string, code int, part string) {
	r.t.Helper()
	got := r.run(strings.Fields(command)...)
	if got.code != code || !strings.Contains(got.err, part) {
		r.t.Errorf("ais %s: exit %d, %q; want exit %d and %q", command, got.code, got.err, code, part)
	}
	if got.out != "" {
		r.t.Errorf("ais %s failed and yet wrote %q", command, got.out)
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestBuckets(t *testing.T) {
	r := newRunner(t)
	r.want("ls ais://", "AIS Buckets (0)\n")
	r.want("create ais://abc", "\"ais://abc\" created\n")
	r.fails("create ais://abc", 1, `Error: bucket "ais://abc" already exists`)
	r.want(`create ais://bck --props=checksum.type=md5`, "\"ais://bck\" created\n")
	r.want("ls", tableText(
		"AIS Buckets (2)", "NAME             PRESENT", "ais://abc        yes", "ais://bck        yes"))
	r.want("ls ais:", tableText("AIS Buckets (2)", "NAME             PRESENT", "ais://abc        yes", "ais://bck        yes"))
	r.want("bucket ls -H", tableText("ais://abc        yes", "ais://bck        yes"))
	r.want("ls s3://", "S3 Buckets (0)\n")
	r.want("show bucket ais://bck", tableText(
		"PROPERTY         VALUE",
		"access           su (everything)",
		"checksum         Type: md5 | Validate: ColdGET",
		"copies           1",
		"created          22 Nov 26 15:13 UTC",
		"durability       power",
		"lru              Disabled",
		"mirror           Disabled",
		"multipart        Min part size: 0B",
		"provider         ais",
		"versioning       Enabled"))
	r.want("bucket props set ais://bck features=S3-Presigned-Request extra.aws.profile=p versioning.validate_warm_get=true", tableText(
		"Bucket props successfully updated",
		`"extra.aws.profile" set to: "p" (was: "")`,
		`"features" set to: "S3-Presigned-Request" (was: "none")`,
		`"versioning.validate_warm_get" set to: "true" (was: "false")`))
	r.want("show bucket ais://bck extra features versioning -H", tableText(
		"extra            Aws.profile: p",
		"features         S3-Presigned-Request",
		"versioning       Enabled | Validate: WarmGET"))
	r.want("bucket show ais://bck checksum -H", "checksum         Type: md5 | Validate: ColdGET\n")
	r.want("bucket rm ais://bck", "\"ais://bck\" destroyed\n")
	r.fails("bucket show ais://bck", 1, "'ais create ais://bck' makes this one")
	r.fails("create ais://Abc", 1, "lower-case")
	r.fails("create abc", 2, "(ais://abc?)")
	r.fails("create s3://abc", 1, "not implemented")
}

// tableText joins lines.
func tableText(lines ...string) string { return strings.Join(lines, "\n") + "\n" }

func TestProps(t *testing.T) {
	r := newRunner(t)
	r.want("create ais://abc", "\"ais://abc\" created\n")
	r.want("bucket props set ais://abc checksum.type=md5", tableText(
		"Bucket props successfully updated", `"checksum.type" set to: "md5" (was: "xxhash")`))
	r.want("bucket props ais://abc checksum.type=md5", "Bucket \"ais://abc\" has these properties already, nothing to do\n")
	r.want("bucket props ais://abc versioning.enabled=false durability=process", tableText(
		"Bucket props successfully updated", `"durability" set to: "process" (was: "power")`, `"versioning.enabled" set to: "false" (was: "true")`))
	r.want("bucket props show ais://abc checksum", tableText(
		"PROPERTY                         VALUE",
		"checksum.type                    md5",
		"checksum.validate_cold_get       true",
		"checksum.validate_warm_get       false"))
	r.want("bucket props ais://abc checksum.type --json", "{\n    \"checksum\": {\n        \"type\": \"md5\"\n    }\n}\n")
	r.fails("bucket props ais://abc checksum.type=sha1", 1, "xxhash, md5, crc32c, sha256 or none")
	r.fails("bucket props ais://abc durability=power nosuch=1", 1, "no such property")
	r.want("bucket props ais://abc durability -H", "durability       process\n")
	r.fails("bucket props ais://abc nosuch", 2, `there is no property "nosuch"`)
	r.fails("bucket props set ais://abc", 2, "missing a bucket and properties")
	r.fails("bucket props set ais://abc checksum", 2, "not of the form name=value")
}

func TestObjects(t *testing.T) {
	r := newRunner(t)
	r.want("create ais://abc", "\"ais://abc\" created\n")
	r.want("ls ais://abc", "No objects in ais://abc\n")
	write(t, "README.md", strings.Repeat("x", 10689))
	write(t, "LICENSE", strings.Repeat("y", 1075))
	r.want("put README.md ais://abc", "PUT \"README.md\" => ais://abc/README.md\n")
	r.want("put LICENSE ais://abc/LICENSE", "PUT \"LICENSE\" => ais://abc/LICENSE\n")
	r.want("ls ais://abc", tableText("NAME             SIZE", "LICENSE          1.05KiB", "README.md        10.44KiB"))
	r.want("ls ais://abc/READ", tableText("NAME             SIZE", "README.md        10.44KiB"))
	r.want("ls ais://abc --limit 1 --props checksum,size,atime,cached,status", tableText(
		"NAME     CHECKSUM                 SIZE     ATIME                    CACHED   STATUS",
		"LICENSE  "+sum(t, "LICENSE")+"         1.05KiB  22 Nov 26 15:13 UTC      yes      ok"))
	r.want("ls ais://abc --all -H", tableText("LICENSE          1.05KiB          ok", "README.md        10.44KiB         ok"))
	r.want("object show ais://abc/LICENSE --all", tableText(
		"PROPERTY         VALUE",
		"atime            22 Nov 26 15:13 UTC",
		"cached           yes",
		"checksum         xxhash["+sum(t, "LICENSE")+"]",
		"chunked          no",
		"copies           1 [/mp1]",
		"custom           -",
		"ec               -",
		"etag             "+sum(t, "LICENSE")+"-xxhash",
		"last-modified    22 Nov 26 15:13 UTC",
		"location         t[target1]:mp[/mp1]",
		"name             ais://abc/LICENSE",
		"size             1.05KiB",
		"version          1"))
	r.want("get ais://abc/README.md out1", "GET README.md from ais://abc as out1 (10.44KiB)\n")
	if read(t, "out1") != read(t, "README.md") {
		t.Error("what came is not what was put")
	}
	r.want("get ais://abc/LICENSE --offset 0 --length 10 -", "yyyyyyyyyy")
	r.want("get ais://abc/LICENSE --offset 1KiB out2", "GET LICENSE (offset 1024, length 51) from ais://abc as out2 (51B)\n")
	r.fails("get ais://abc/LICENSE --offset 2000 -", 1, "range is not satisfiable")
	r.fails("get ais://abc/nosuch", 1, `object "ais://abc/nosuch" does not exist`)
	r.fails("bucket rm ais://abc", 1, "--yes removes it with all its objects")
	r.want("object rm ais://abc/LICENSE", "deleted \"LICENSE\" from ais://abc\n")
	r.fails("rm ais://abc/LICENSE", 1, "does not exist")
	r.want("rm ais://abc --yes", "\"ais://abc\" destroyed\n")
	r.fails("put README.md ais://abc", 1, `bucket "ais://abc" does not exist`)
}
