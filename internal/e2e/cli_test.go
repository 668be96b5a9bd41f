package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell runs ais as a person would, in a directory of its own.
type shell struct {
	t        *testing.T
	dir      string
	endpoint string
}

func newShell(t *testing.T, c *Cluster) *shell {
	t.Helper()
	return &shell{t: t, dir: t.TempDir(), endpoint: strings.TrimSuffix(c.Endpoint(), "/s3")}
}

func (s *shell) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(binaries(false), "ais"), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "AIS_ENDPOINT="+s.endpoint, "TZ=UTC", "XDG_CONFIG_HOME="+s.dir, "XDG_CACHE_HOME="+s.dir)
	return cmd
}

// run returns what a command line wrote and its exit code.
func (s *shell) run(args ...string) (out, errOut string, code int) {
	s.t.Helper()
	cmd := s.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// want runs a line of words and compares all that it writes with a pattern, in
// which … stands for anything within a line.
func (s *shell) want(line string, pattern ...string) {
	s.t.Helper()
	out, errOut, code := s.run(strings.Fields(line)...)
	quoted := regexp.QuoteMeta(strings.Join(pattern, "\n") + "\n")
	re := regexp.MustCompile("^" + strings.ReplaceAll(quoted, "…", ".*") + "$")
	if code != 0 || errOut != "" || !re.MatchString(out) {
		s.t.Errorf("$ ais %s (exit %d)\n%s%s\nwant\n%s", line, code, out, errOut, strings.Join(pattern, "\n"))
	}
}

// fails runs a line that must fail with a message.
func (s *shell) fails(line string, code int, part string) {
	s.t.Helper()
	out, errOut, got := s.run(strings.Fields(line)...)
	if got != code || !strings.Contains(errOut, part) || out != "" {
		s.t.Errorf("$ ais %s (exit %d)\n%s%s\nwant exit %d and %q", line, got, out, errOut, code, part)
	}
}

func (s *shell) write(name string, content []byte) {
	s.t.Helper()
	name = filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shell) read(name string) []byte {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// The seed document's ais command lines that need no remote bucket, as written.
func TestCLISeed(t *testing.T) {
	s := newShell(t, Start(t, Options{}))
	s.write("README.md", random(7, 10689))
	s.write("LICENSE", random(8, 1075))
	s.write("object.txt", random(9, 71671))

	s.want("ls ais://", "AIS Buckets (0)")
	s.want("create ais://abc", `"ais://abc" created`)
	s.want("put README.md ais://abc", `PUT "README.md" => ais://abc/README.md`)
	s.want("put LICENSE ais://abc", `PUT "LICENSE" => ais://abc/LICENSE`)
	s.want("ls ais://abc", "NAME             SIZE", "LICENSE          1.05KiB", "README.md        10.44KiB")
	s.want("config cluster features S3-Presigned-Request", "Cluster config successfully updated", `"features" set to: "S3-Presigned-Request" (was: "none")`)

	s.want(`create ais://bck --props=checksum.type=md5`, `"ais://bck" created`)
	s.want("show bucket ais://bck checksum -H", "checksum         Type: md5 | Validate: ColdGET")
	s.want("bucket props ais://bck checksum.type=xxhash", "Bucket props successfully updated", `"checksum.type" set to: "xxhash" (was: "md5")`)
	s.want("bucket props set ais://bck checksum.type=md5", "Bucket props successfully updated", `"checksum.type" set to: "md5" (was: "xxhash")`)
	s.want("put object.txt ais://bck/obj-ais", `PUT "object.txt" => ais://bck/obj-ais`)
	s.want("ls ais://bck --props checksum,size,atime",
		"NAME     CHECKSUM                                 SIZE             ATIME",
		"obj-ais  …         69.99KiB         …UTC")
	s.want("show object ais://bck/obj-ais --all",
		"PROPERTY         VALUE", "atime            …UTC", "cached           yes", "checksum         md5[…...]", "chunked          no",
		"copies           1 […/target…]", "custom           -", "ec               -", "etag             …", "last-modified    …UTC",
		"location         t[target…]:mp[…]", "name             ais://bck/obj-ais", "size             69.99KiB", "version          1")

	s.want("ls ais:", "AIS Buckets (2)", "NAME             PRESENT", "ais://abc        yes", "ais://bck        yes")
	s.want("get ais://bck/obj-ais filename", "GET obj-ais from ais://bck as filename (69.99KiB)")
	if !bytes.Equal(s.read("filename"), s.read("object.txt")) {
		t.Error("what came is not what was put")
	}
	s.want("get ais://bck/obj-ais --offset 0 --length 10 range", "GET obj-ais (offset 0, length 10) from ais://bck as range (10B)")
	if !bytes.Equal(s.read("range"), s.read("object.txt")[:10]) {
		t.Error("the range is another")
	}
	s.want("object show ais://bck/obj-ais", "PROPERTY         VALUE", "atime            …", "checksum         md5[…...]",
		"name             ais://bck/obj-ais", "size             69.99KiB", "version          1")
	s.want("bucket props ais://bck versioning.enabled=false", "Bucket props successfully updated", `"versioning.enabled" set to: "false" (was: "true")`)
	s.want("bucket show ais://bck created -H", "created  …UTC")
	s.fails("bucket rm ais://bck", 1, "--yes removes it with all its objects")
	s.want("bucket rm ais://bck --yes", `"ais://bck" destroyed`)
	s.fails("show bucket ais://bck", 1, `bucket "ais://bck" does not exist`)
	s.fails("bucket ls s3://bucket", 1, `bucket "s3://bucket" does not exist`)
}

// Nodes, capacity and settings.
func TestCLICluster(t *testing.T) {
	c := Start(t, Options{Proxies: 2})
	s := newShell(t, c)
	out, errOut, code := s.run("show", "cluster")
	for _, part := range []string{"PROXY ", "p[proxy2]", "TARGET ", "t[target3]", "Summary:", "Proxies:             2", "Targets:             3 (6 mountpaths)", "Status:              5 online"} {
		if code != 0 || !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s%s", part, out, errOut)
		}
	}
	s.want("config cluster redirect=always", "Cluster config successfully updated", `"redirect" set to: "always" (was: "auto")`)
	s.want("config cluster redirect -H", "redirect         always")
	s.fails("config cluster redirect=sometimes durability=process", 1, "auto, always or never")
	s.want("config cluster durability -H", "durability       power")

	s.want("create ais://abc", `"ais://abc" created`)
	for i := range 20 {
		s.write(fmt.Sprintf("d/%02d", i), random(uint64(i), 100))
	}
	s.want("put d ais://abc/pre -r", "PUT 20 files (recursive) => ais://abc/pre/")
	c.Kill(t, "target2")
	Eventually(t, 20*time.Second, "the cluster knows that target2 is gone", func() error {
		if out, _, _ := s.run("show", "cluster"); !strings.Contains(out, "4 online, 1 not") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	down := 0
	for i := range 20 {
		_, errOut, code := s.run("get", "--retry-for=1s", fmt.Sprintf("ais://abc/pre/%02d", i), "/dev/null")
		if code != 0 {
			down++
			if !strings.Contains(errOut, "'ais show cluster' says which nodes are up") {
				t.Error(errOut)
			}
		}
	}
	if down == 0 || down == 20 {
		t.Errorf("%d of 20 objects are down with one of three targets", down)
	}
	c.Restart(t, "target2")
	s.want("get ais://abc/pre/07 out", "GET pre/07 from ais://abc as out (100B)")
}

// A transfer that is interrupted leaves nothing, here or there.
func TestCLIInterrupted(t *testing.T) {
	s := newShell(t, Shared(t, Options{}))
	bucket := "ais://" + bucketName(t)
	s.want("create "+bucket, `"`+bucket+`" created`)
	s.write("large", random(11, 64<<20))
	s.want("put large "+bucket+"/large", `PUT "large" => `+bucket+"/large")
	s.want("get "+bucket+"/large back", "GET large from "+bucket+" as back (64.00MiB)")
	if !bytes.Equal(s.read("back"), s.read("large")) {
		t.Error("what came is not what was put")
	}
	put := s.command("put", "-", bucket+"/half")
	stdin, err := put.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := put.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdin.Write(random(12, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := put.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := put.Wait(); put.ProcessState.ExitCode() != 1 {
		t.Errorf("interrupted: %v", err)
	}
	s.fails("object show "+bucket+"/half", 1, "does not exist")

	get := s.command("get", bucket+"/large", "half")
	if err := get.Start(); err != nil {
		t.Fatal(err)
	}
	partial := func() []string {
		left, err := filepath.Glob(filepath.Join(s.dir, ".ais-*.partial"))
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	Eventually(t, 10*time.Second, "the file has begun", func() error {
		if len(partial()) == 0 {
			return fmt.Errorf("no partial file")
		}
		return nil
	})
	if err := get.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := get.Wait(); get.ProcessState.ExitCode() == 0 {
		t.Logf("it was faster: %v", err)
	} else if _, err := os.Stat(filepath.Join(s.dir, "half")); err == nil {
		t.Error("an interrupted get left a file")
	}
	if left := partial(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
