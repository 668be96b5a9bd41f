package s3api

import (
	"hash"

	"ais/object"
)

// digester computes several digests of one stream, by itself or in a goroutine
// that works on a block while its caller goes on.
type digester struct {
	hashes  []namedHash
	fixed   [4]namedHash // backs hashes in the usual case
	jobs    chan []byte  // nil until the goroutine runs
	done    chan struct{}
	pending bool
}

type namedHash struct {
	algorithm object.Algorithm
	hash      hash.Hash
}

// handOverMin is the smallest block worth a hand-over.
const handOverMin = 16 << 10

// add has algorithm a computed too.
func (d *digester) add(a object.Algorithm) {
	for _, h := range d.hashes {
		if h.algorithm == a {
			return
		}
	}
	if h := a.New(); h != nil {
		if d.hashes == nil {
			d.hashes = d.fixed[:0]
		}
		d.hashes = append(d.hashes, namedHash{a, h})
	}
}

// write digests p, concurrently if that is wanted and worth it. The block
// before must have been waited for.
func (d *digester) write(p []byte, overlap bool) {
	if len(d.hashes) == 0 {
		return
	}
	if !overlap || len(p) < handOverMin {
		d.compute(p)
		return
	}
	if d.jobs == nil {
		d.jobs, d.done = make(chan []byte), make(chan struct{})
		go d.run(d.jobs, d.done)
	}
	d.jobs <- p
	d.pending = true
}

func (d *digester) run(jobs <-chan []byte, done chan<- struct{}) {
	for p := range jobs {
		d.compute(p)
		done <- struct{}{}
	}
}

func (d *digester) compute(p []byte) {
	for _, h := range d.hashes {
		h.hash.Write(p)
	}
}

// wait returns when the last block has been digested.
func (d *digester) wait() {
	if d.pending {
		<-d.done
		d.pending = false
	}
}

// stop ends the goroutine.
func (d *digester) stop() {
	d.wait()
	if d.jobs != nil {
		close(d.jobs)
		d.jobs = nil
	}
}

// sum returns a digest; the zero Checksum for one that was not computed.
func (d *digester) sum(a object.Algorithm) object.Checksum {
	for _, h := range d.hashes {
		if h.algorithm == a {
			return object.Checksum{Algorithm: a, Value: h.hash.Sum(nil)}
		}
	}
	return object.Checksum{}
}
