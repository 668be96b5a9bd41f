package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asRoot runs a command that needs root: as it is, or by sudo.
func asRoot(t *testing.T, args ...string) {
	t.Helper()
	if err := tryAsRoot(args...); err != nil {
		t.Fatal(err)
	}
}

func tryAsRoot(args ...string) error {
	if os.Getuid() != 0 {
		args = append([]string{"sudo", "-n"}, args...)
	}
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w %s (this test makes small file systems or networks, which takes root)", args, err, out)
	}
	return nil
}

// tmpfs mounts a file system of size at a new folder for as long as the test runs.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	asRoot(t, "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%s,mode=0777,uid=%d", size, os.Getuid()), "ais-e2e", dir)
	t.Cleanup(func() {
		if mounted(dir) {
			asRoot(t, "umount", "-l", dir)
		}
	})
	return dir
}

func mounted(dir string) bool {
	table, err := os.ReadFile("/proc/mounts")
	return err != nil || strings.Contains(string(table), " "+dir+" ")
}

// A full disk: writes fail clearly, reads and deletes go on, freed space makes
// writes work again, and the process lives through it.
func TestFullDisk(t *testing.T) {
	disks := []string{tmpfs(t, "128m"), tmpfs(t, "128m")}
	c := Start(t, Options{Targets: 1, TargetArgs: []string{"--reserve", "16MiB"}, Disk: func(_, k int) string { return disks[k-1] }})
	p := c.Plain()
	b := p.bucket(t)
	small := random(1, 500)
	p.put(t, b, "small", small)
	data := random(2, 4<<20)
	written, refused := []string{}, 0
	for i := 0; refused < 20 && i < 200; i++ {
		key := fmt.Sprint("big", i)
		a := p.do(t, "PUT", "/"+b+"/"+key, data)
		switch {
		case a.status == 200:
			written = append(written, key)
		case a.status >= 500 && a.code != "" && a.code != "InternalError":
			refused++
		default:
			t.Fatalf("on a full disk: %v", a)
		}
	}
	if refused == 0 || len(written) < 20 {
		t.Fatalf("%d written, %d refused", len(written), refused)
	}
	for _, key := range written {
		p.same(t, b, key, data)
	}
	p.same(t, b, "small", small)
	if got := len(p.list(t, b)); got != len(written)+1 {
		t.Errorf("%d are listed, %d were written", got, len(written)+1)
	}
	for _, key := range written[:len(written)/2] {
		p.do(t, "DELETE", "/"+b+"/"+key, nil).want(t, 204, "")
	}
	for _, key := range []string{"again1", "again2", "again3", "again4"} {
		Eventually(t, 20e9, "freed space is used", func() error {
			if a := p.do(t, "PUT", "/"+b+"/"+key, data); a.status != 200 {
				return fmt.Errorf("%v", a)
			}
			return nil
		})
		p.same(t, b, key, data)
	}
	c.Kill(t, "target1")
	c.Restart(t, "target1")
	p.same(t, b, "again1", data)
}

// One mountpath fails: its names answer errors, those of the other go on, and
// the target lives.
func TestFailingMountpath(t *testing.T) {
	disks := []string{tmpfs(t, "128m"), tmpfs(t, "128m")}
	c := Start(t, Options{Targets: 1, TargetArgs: []string{"--reserve", "16MiB"}, Disk: func(_, k int) string { return disks[k-1] }})
	p := c.Plain()
	b := p.bucket(t)
	for i := range 20 {
		p.put(t, b, fmt.Sprint("k", i), random(uint64(i), 200_000))
	}
	pid := c.node(t, "target1").pid()
	asRoot(t, "umount", "-l", disks[1]) // gone, but for the files that are open
	ok, failed := 0, 0
	for i := range 40 {
		a := p.do(t, "PUT", fmt.Sprint("/", b, "/new", i), random(uint64(i), 200_000))
		switch {
		case a.status == 200:
			ok++
			p.same(t, b, fmt.Sprint("new", i), random(uint64(i), 200_000))
		case a.status >= 500 && a.code != "":
			failed++
		default:
			t.Errorf("%v", a)
		}
	}
	read := 0
	for i := range 20 {
		a := p.get(t, b, fmt.Sprint("k", i))
		if a.status == 200 {
			read++
			if !bytes.Equal(a.body, random(uint64(i), 200_000)) {
				t.Errorf("k%d: wrong bytes", i)
			}
		} else if a.status < 500 {
			t.Errorf("k%d: %v", i, a)
		}
	}
	if ok == 0 || failed == 0 || read == 0 {
		t.Errorf("%d writes went well, %d failed; %d of 20 reads went well", ok, failed, read)
	}
	if err := c.node(t, "target1").ready(); c.node(t, "target1").pid() != pid || dialable(strings.Replace(c.Host(t, "target1"), "localhost", "127.0.0.1", 1)) != nil {
		t.Errorf("the target did not live: %v", err)
	}
}

// A byte that flipped on the disk: a bucket that validates reads answers an
// error, never wrong bytes, and says so in log and metrics.
func TestFlippedByte(t *testing.T) {
	c := Start(t, Options{Targets: 1})
	p := c.Plain()
	b := p.bucket(t)
	c.Shell(t).run(t, "ais bucket props set ais://"+b+" checksum.validate_warm_get=true")
	data := random(1, 3_500_000)
	p.put(t, b, "damaged", data)
	p.put(t, b, "sound", data[:3_000_000])
	p.same(t, b, "damaged", data)
	flip(t, c.Dir, data, 2_500_000)
	for _, headers := range [][]string{nil, {"Range: bytes=2400000-2600000"}} {
		a, err := p.request("GET", "/"+b+"/damaged", nil, headers...)
		switch {
		case err != nil: // cut off before the damage
			if len(a.body) > 2_500_000 {
				t.Errorf("%d bytes came", len(a.body))
			}
		case a.status < 500:
			t.Errorf("damaged: %d with %d bytes", a.status, len(a.body))
		}
	}
	a := p.get(t, b, "damaged", "Range: bytes=100-199").want(t, 206, "")
	if !bytes.Equal(a.body, data[100:200]) {
		t.Error("a range in a sound block is wrong")
	}
	p.same(t, b, "sound", data[:3_000_000])
	if !strings.Contains(strings.ToLower(c.Log(t, "target1")), "corrupt") {
		t.Error("the damage is not in the log")
	}
	if c.metric(t, "target1", "err_cksum") == 0 {
		t.Error("the damage is not counted")
	}
}

// flip changes one byte of the file below dir that begins with content.
func flip(t *testing.T, dir string, content []byte, at int) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.Contains(name, "/blobs/") {
			return nil
		}
		file, err := os.ReadFile(name)
		if err != nil || !bytes.HasPrefix(file, content) {
			return err
		}
		found++
		file[at] ^= 1
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteAt(file[at:at+1], int64(at))
		return err
	})
	if err != nil || found != 1 {
		t.Fatalf("%d blobs hold the object, %v", found, err)
	}
}
