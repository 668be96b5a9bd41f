package fs_test

import (
	"bytes"
	"runtime/pprof"
	"testing"
	"time"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// TestOpenPowerLoss cuts the power at each changing call of Open: the store opens after
// that with all that it had, whatever of what was not synced is there, in whatever order
// it was made; and what did not open does nothing any more.
func TestOpenPowerLoss(t *testing.T) {
	base := faultfs.New()
	for range 2 { // the second opening makes a table of what the first one wrote
		s := open(t, crashConfig(base))
		if err := putOp("k", large)(s, object.Power); err != nil {
			t.Fatal(err)
		}
		s.Close()
		base = base.AfterKill()
	}
	var trace []string
	for n, hit := 1, true; hit; n++ {
		f := base.AfterKill()
		f.CutPower(n)
		s, err := fs.Open(crashConfig(f))
		hit, trace = f.Disarm()
		if err == nil {
			s.Close()
		} else if !hit {
			t.Fatal(err)
		}
		for _, percent := range []int{0, 30, 50, 70} {
			s = open(t, crashConfig(f.AfterPowerLoss(percent, uint64(n))))
			if m, err := s.Stat(object.Name{Bucket: 7, Key: "k"}, ""); err != nil || m.Size != int64(len(large)) {
				t.Fatalf("after call %d of %q, %d %%: %d bytes, %v", n, trace, percent, m.Size, err)
			}
			s.Close()
		}
	}
	works := func() bool {
		var all bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(all.Bytes(), []byte("collectTableStats"))
	}
	for deadline := time.Now().Add(10 * time.Second); works(); {
		if time.Now().After(deadline) {
			t.Fatal("an index that did not open is read without end")
		}
		time.Sleep(time.Millisecond)
	}
}
