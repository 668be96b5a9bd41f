package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ais/api"
	"ais/object"
)

// started is an ais that runs.
type started struct {
	*exec.Cmd
	stderr bytes.Buffer
}

func (s *shell) start(line string) *started {
	s.t.Helper()
	p := &started{Cmd: s.command(strings.Fields(line)...)}
	p.Stderr = &p.stderr
	if err := p.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.Process.Kill() // of a test that failed
			_ = p.Wait()
		}
	})
	return p
}

// end sends a signal and waits. A transfer that was over before is a failure.
func (p *started) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil {
		t.Fatal("the transfer was over before it was interrupted")
	}
}

// finish waits for a transfer that is to succeed.
func (p *started) finish(t *testing.T) {
	t.Helper()
	if err := p.Wait(); err != nil {
		t.Errorf("%v: %v: %s", p.Args[1:], err, p.stderr.String())
	}
}

// transferred is the size in MiB of a file in parts of 1 MiB, which go one after the other
// so that there is a middle to be interrupted in.
const (
	transferred = 80
	slowly      = " --part-size 1MiB --workers 1"
)

// sentMiB is what the targets were sent, in MiB.
func sentMiB(t *testing.T, c *Cluster) float64 { return c.sum(t, "ais_target_put_bytes") / (1 << 20) }

// moved waits until a count of MiB is what it was before, and more.
func moved(t *testing.T, count func() float64, before, more float64) {
	t.Helper()
	Eventually(t, 20*time.Second, "a part of it is there", func() error {
		if n := count() - before; n < more {
			return fmt.Errorf("%v MiB", n)
		}
		return nil
	})
}

// came is how many MiB are in the hidden file of a get to back.
func (s *shell) came() float64 {
	info, err := os.Stat(filepath.Join(s.dir, ".back.ais-partial"))
	if err != nil {
		return 0
	}
	return float64(info.Size()) / (1 << 20)
}

// An interrupted put sends only the parts that are missing, whatever ended it, and
// there is nothing under the final name before.
func TestPutGoesOn(t *testing.T) {
	c := Shared(t, Options{})
	s := newShell(t, c)
	bucket := "ais://" + bucketName(t)
	s.want("create "+bucket, `"`+bucket+`" created`)
	data := random(21, transferred<<20)
	s.write("large", data)
	for name, signal := range map[string]syscall.Signal{"ctrl-c": syscall.SIGINT, "kill": syscall.SIGKILL} {
		line := "put large " + bucket + "/" + name
		count := func() float64 { return sentMiB(t, c) }
		before := count()
		p := s.start(line + slowly)
		moved(t, count, before, transferred/4)
		p.end(t, signal)
		if signal == syscall.SIGINT && !strings.Contains(p.stderr.String(), "of 80 parts are in the cluster") {
			t.Errorf("it says %s", p.stderr.String())
		}
		s.fails("object show "+bucket+"/"+name, 1, "does not exist")
		before = count()
		s.want(line, `PUT "large" => `+bucket+"/"+name)
		if again := count() - before; again > transferred*3/4+1 || again == 0 {
			t.Errorf("%s: %v MiB of %d were sent again", name, again, transferred)
		}
		s.want("get "+bucket+"/"+name+" back -y", "GET "+name+" from "+bucket+" as back (80.00MiB)")
		if !bytes.Equal(s.read("back"), data) {
			t.Errorf("%s: what came is not what was put", name)
		}
	}
	s.nothingHidden()
}

func (s *shell) nothingHidden() {
	s.t.Helper()
	for _, pattern := range []string{".*", "ais/uploads/*"} {
		if left, err := filepath.Glob(filepath.Join(s.dir, pattern)); err != nil || len(left) > 0 {
			s.t.Errorf("left behind: %v %v", left, err)
		}
	}
}

// An interrupted get asks only for the ranges that are missing.
func TestGetGoesOn(t *testing.T) {
	c := Shared(t, Options{})
	s := newShell(t, c)
	bucket := "ais://" + bucketName(t)
	s.want("create "+bucket, `"`+bucket+`" created`)
	data := random(22, transferred<<20)
	s.write("large", data)
	s.want("put large "+bucket, `PUT "large" => `+bucket+"/large")
	reads := func() float64 { return c.sum(t, "ais_target_get_count") }
	line := "get " + bucket + "/large back" + slowly
	p := s.start(line)
	moved(t, s.came, 0, transferred/4)
	p.end(t, syscall.SIGINT)
	if !strings.Contains(p.stderr.String(), "of 80.00MiB are in .back.ais-partial, and nothing under back") {
		t.Errorf("it says %s", p.stderr.String())
	}
	if _, err := os.Stat(filepath.Join(s.dir, "back")); err == nil {
		t.Error("something is there under the final name")
	}
	before := reads()
	p = s.start(line)
	moved(t, s.came, 0, transferred/2)
	p.end(t, syscall.SIGKILL)
	s.want(line, "GET large from "+bucket+" as back (80.00MiB)")
	if n := reads() - before; n > transferred*3/4*2 || n < transferred/2 {
		t.Errorf("%v ranges were read again", n)
	}
	if !bytes.Equal(s.read("back"), data) {
		t.Error("what came is not what was put")
	}
	s.nothingHidden()
}

// A range of another version than the one that was asked for is not sent.
func TestNativeIfMatch(t *testing.T) {
	c := Shared(t, Options{})
	b := c.Plain().bucket(t)
	c.Plain().put(t, b, "k", []byte("one"))
	client, err := api.NewClient(api.ClientConfig{Endpoint: strings.TrimSuffix(c.Endpoint(), "/s3")})
	if err != nil {
		t.Fatal(err)
	}
	bucket := api.NewBucket(object.AIS, b)
	info, err := client.HeadObject(ctx(t), bucket, "k")
	if err != nil {
		t.Fatal(err)
	}
	read := func() error {
		r, err := client.ReadObject(ctx(t), bucket, "k", api.GetOptions{Offset: 1, Length: 1, IfMatch: info.ETag})
		if err == nil {
			err = r.Close()
		}
		return err
	}
	if err := read(); err != nil {
		t.Error(err)
	}
	c.Plain().put(t, b, "k", []byte("two"))
	var answer *api.ErrorMessage
	if err := read(); !errors.As(err, &answer) || answer.Status != http.StatusPreconditionFailed {
		t.Error(err)
	}
}

// A target that is killed, and comes back, in the middle of a put and of a get does
// not end them; nor does a proxy that is killed for good, where there are others.
func TestTransfersOutliveNodes(t *testing.T) {
	c := Start(t, Options{Proxies: 2, Targets: 1})
	s := newShell(t, c)
	s.endpoint = c.URL(t, "proxy2")
	bucket := "ais://" + bucketName(t)
	s.want("create "+bucket, `"`+bucket+`" created`)
	data := random(23, transferred<<20)
	s.write("large", data)

	p := s.start("put large " + bucket + slowly)
	moved(t, func() float64 { return sentMiB(t, c) }, 0, transferred/4)
	c.Kill(t, "target1")
	c.Restart(t, "target1")
	p.finish(t)

	p = s.start("get " + bucket + "/large back" + slowly)
	moved(t, s.came, 0, transferred/4)
	c.Kill(t, "target1")
	c.Kill(t, "proxy2")
	c.Restart(t, "target1")
	p.finish(t)
	if !bytes.Equal(s.read("back"), data) {
		t.Error("what came is not what was put")
	}
	s.want("ls "+bucket+" -H", "large    80.00MiB")
	s.want("put large "+bucket+"/again", `PUT "large" => `+bucket+"/again")
	s.nothingHidden()
}

// A full local disk is said, and nothing is there under the final name.
func TestFullLocalDisk(t *testing.T) {
	c := Shared(t, Options{})
	s := newShell(t, c)
	bucket := "ais://" + bucketName(t)
	s.want("create "+bucket, `"`+bucket+`" created`)
	s.write("large", random(24, 96<<20))
	s.write("small", random(25, 60<<20))
	s.want("put large small "+bucket, "PUT 2 files (2 names) => "+bucket)
	disk := tmpfs(t, "48m")
	s.fails("get "+bucket+"/large "+disk, 1, "The local disk has no room for 96.00MiB; nothing is left of it")
	s.fails("get "+bucket+"/small "+disk+"/f", 1, "The local disk is full; nothing is left under the final name")
	s.fails("get "+bucket+" "+disk+" -r", 1, "no space left on device")
	if left, err := os.ReadDir(disk); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// What is wrong with HTTPS is said, with what to do, by a real cluster.
func TestHTTPSMessages(t *testing.T) {
	c := Shared(t, Options{TLS: true})
	s := newShell(t, c)
	good := " --ca-file " + c.file("ca.pem")
	other := t.TempDir()
	if out, err := s.command("tls", "make", other).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.want("config cluster redirect -H"+good, "redirect         auto")
	s.want("config cluster redirect -H --skip-verify", "redirect         auto")
	s.fails("ls --ca-file "+filepath.Join(other, "ca.pem"), 1, "signed by an authority that is not known here")
	s.fails("ls --ca-file "+filepath.Join(other, "ca.pem"), 1, "--ca-file")
	plain := strings.Replace(s.endpoint, "https:", "http:", 1)
	s.fails("ls --endpoint "+plain, 1, "Use https:// in --endpoint")
}
