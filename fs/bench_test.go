package fs_test

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ais/fs"
	"ais/object"
)

func cpuTime() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkPut measures Create, Write, Commit by 8 writers of new names: the CPU
// time of the whole process per object, and objects per second. inline and file
// force where the payload goes.
func BenchmarkPut(b *testing.B) {
	for _, d := range []object.Durability{object.Process, object.Power} {
		for _, size := range []int{4 << 10, 8 << 10, 16 << 10, 32 << 10, 128 << 10} {
			for _, inline := range []bool{true, false} {
				if inline && size > 32<<10 {
					continue
				}
				where := map[bool]string{true: "inline", false: "file"}[inline]
				b.Run(fmt.Sprintf("%s/%dKiB/%s", d, size>>10, where), func(b *testing.B) {
					c := diskConfig(b, 2)
					c.InlineMax = 0
					if inline {
						c.InlineMax = 32 << 10
					}
					benchPut(b, open(b, c), size, d)
				})
			}
		}
	}
}

func benchPut(b *testing.B, s *fs.Store, size int, d object.Durability) {
	data := content(size, 1)
	meta := object.Meta{ETag: etag(data), Checksum: object.Sum(object.MD5, data), Header: object.Header{ContentType: "binary/octet-stream"}}
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	cpu := cpuTime()
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				w, err := s.Create(name(fmt.Sprintf("dir/%09d", i*7919%1_000_003)), fs.WriteOptions{Size: int64(size), Durability: d, Checksum: object.MD5})
				if err == nil {
					if _, err = w.Write(data); err == nil {
						_, err = w.Commit(meta, fs.Terms{})
					}
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		}()
	}
	wg.Wait()
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-us/op")
}

// BenchmarkGet measures Open, Range, WriteTo, Close.
func BenchmarkGet(b *testing.B) {
	s := open(b, diskConfig(b, 2))
	for _, size := range []int{4 << 10, 128 << 10} {
		n := name(fmt.Sprint(size))
		put(b, s, n, content(size, 1))
		b.Run(fmt.Sprint(size>>10, "KiB"), func(b *testing.B) {
			null, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
			if err != nil {
				b.Fatal(err)
			}
			defer null.Close()
			b.ReportAllocs()
			for b.Loop() {
				r, err := s.Open(n, "")
				if err != nil {
					b.Fatal(err)
				}
				c, err := r.Range(0, r.Meta().Size)
				if err == nil {
					_, err = c.WriteTo(struct{ *os.File }{null})
				}
				if err != nil {
					b.Fatal(err)
				}
				c.Close()
			}
		})
	}
}

// BenchmarkPublish measures completing an upload of 1,000 parts.
func BenchmarkPublish(b *testing.B) {
	s := open(b, diskConfig(b, 1))
	parts := make([][]byte, 1000)
	for i := range parts {
		parts[i] = content(1<<10, uint64(i))
	}
	i := 0
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		i++
		id := fmt.Sprint("u", i)
		listed, err := upload(s, name("k"), id, object.Process, parts...)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := publish(s, name("k"), id, listed, object.Power); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRemoveMany measures deleting 100 names at once.
func BenchmarkRemoveMany(b *testing.B) {
	s := open(b, diskConfig(b, 2))
	names := make([]object.Name, 100)
	var spent time.Duration
	for b.Loop() {
		b.StopTimer()
		for i := range names {
			names[i] = name(fmt.Sprint("k", i))
			if _, err := tryPut(s, names[i], small, object.Cond{}, object.Process); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		cpu := cpuTime()
		for _, err := range removeAll(s, object.Power, names...) {
			if err != nil {
				b.Fatal(err)
			}
		}
		spent += cpuTime() - cpu
	}
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "cpu-us/op")
}

// BenchmarkPutCopy measures a write with a copy in another store of the same process,
// with all that goes between them but the network, beside one without.
func BenchmarkPutCopy(b *testing.B) {
	for _, d := range []object.Durability{object.Process, object.Power} {
		for _, size := range []int{4 << 10, 128 << 10} {
			for _, copies := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/%dKiB/%d", d, size>>10, copies), func(b *testing.B) {
					owner, replica := joined()
					owner.streams, owner.durability, owner.batch = true, d, 16
					replica.open(b, diskConfig(b, 2))
					s := owner.open(b, diskConfig(b, 2))
					if copies == 1 {
						owner.owner.Store(false)
					}
					benchPut(b, s, size, d)
				})
			}
		}
	}
}
