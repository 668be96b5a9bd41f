package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// load is what to do, how often, and how many at a time.
type load struct {
	op          operation
	size        size
	rangeSize   size
	concurrency int
	duration    time.Duration // ends at this, or after ops, whichever comes first
	ops         int64         // 0 is no limit
	objects     int           // keys that are used; prepared first where the operation reads
	dirs        int           // "directories" that the keys are spread over; 0 none
	batch       int           // keys in a multidelete
	parts       int           // parts of what is completed
	delimiter   string
	maxKeys     int
	name        string // distinguishes the keys of loads on one bucket
}

func (l *load) validate() error {
	switch l.op {
	case opPut, opGet, opRange, opHead, opList, opDelete, opMultiDelete, opMixed, opComplete, opCopy, opRedirect:
	default:
		return fmt.Errorf("-op %q: want put, get, range, head, list, delete, multidelete, mixed, complete, copy or redirect", l.op)
	}
	if l.concurrency < 1 || l.concurrency > 4096 || l.objects < 1 || l.objects > 100_000_000 || l.duration <= 0 || l.duration > time.Hour {
		return errors.New("-concurrency, -objects or -duration is out of bounds")
	}
	if l.batch < 1 || l.batch > 1000 || l.parts < 1 || l.parts > 10_000 || l.maxKeys < 1 {
		return errors.New("-batch, -parts or -max-keys is out of bounds")
	}
	l.rangeSize = min(l.rangeSize, l.size)
	return nil
}

func (l *load) key(i int) string {
	if l.dirs > 0 {
		return fmt.Sprintf("bench/%s/%05d/%09d", l.name, i%l.dirs, i)
	}
	return fmt.Sprintf("bench/%s/%09d", l.name, i)
}

// prepared is what a load needs before it starts.
type prepared struct {
	body    []byte
	uploads []request // to be completed, each once
}

// prepare makes the bucket and what the operation works on.
func (l *load) prepare(ctx context.Context, e endpoint) (*prepared, error) {
	p := &prepared{body: make([]byte, l.size)}
	random := rand.NewChaCha8([32]byte{1})
	random.Read(p.body) //nolint:errcheck // cannot fail
	e.direct = false
	c := e.newClient()
	defer c.close()
	if _, err := c.do(ctx, &request{op: opMakeBucket}); err != nil && !e.sdk {
		return nil, err
	}
	switch l.op {
	case opPut:
		return p, nil
	case opComplete:
		return p, l.prepareUploads(ctx, e, p)
	}
	return p, each(ctx, e, min(l.concurrency*2, 64), l.objects, func(c client, i int) error {
		_, err := c.do(ctx, &request{op: opPut, key: l.key(i), body: p.body})
		return err
	})
}

func (l *load) prepareUploads(ctx context.Context, e endpoint, p *prepared) error {
	p.uploads = make([]request, l.objects)
	return each(ctx, e, min(8, l.objects), l.objects, func(c client, i int) error {
		res, err := c.do(ctx, &request{op: opCreate, key: l.key(i)})
		if err != nil {
			return err
		}
		r := request{op: opComplete, key: l.key(i), upload: res.upload}
		for part := 1; part <= l.parts; part++ {
			if res, err = c.do(ctx, &request{op: opPart, key: r.key, upload: r.upload, part: part, body: p.body}); err != nil {
				return err
			}
			r.etags = append(r.etags, res.etag)
		}
		p.uploads[i] = r
		return nil
	})
}

// each calls do for 0 to n−1, with several clients at once.
func each(ctx context.Context, e endpoint, workers, n int, do func(c client, i int) error) error {
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		group.Go(func() {
			c := e.newClient()
			defer c.close()
			for i := int(next.Add(1)) - 1; i < n && errs[w] == nil; i = int(next.Add(1)) - 1 {
				if errs[w] = ctx.Err(); errs[w] == nil {
					errs[w] = do(c, i)
				}
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// outcome is what a load came to.
type outcome struct {
	ops, failed int64
	bytes, keys int64
	elapsed     time.Duration
	latency     histogram
	firstError  error
}

func (o *outcome) merge(other *outcome) {
	o.ops += other.ops
	o.failed += other.failed
	o.bytes += other.bytes
	o.keys += other.keys
	o.latency.merge(&other.latency)
	if o.firstError == nil {
		o.firstError = other.firstError
	}
}

// clients are kept between runs, with their connections and tickets.
type clients []client

func (l *load) connect(e endpoint) clients {
	list := make(clients, l.concurrency)
	for i := range list {
		list[i] = e.newClient()
	}
	return list
}

func (c clients) close() {
	for _, one := range c {
		one.close()
	}
}

// warm has every client do each of its keys once, so that tickets are there.
func (l *load) warm(ctx context.Context, list clients, p *prepared) error {
	errs := make([]error, len(list))
	var group sync.WaitGroup
	for w, c := range list {
		group.Go(func() {
			g := l.generator(w, p, nil)
			for i := w; i < l.objects && errs[w] == nil && ctx.Err() == nil; i += len(list) {
				_, errs[w] = c.do(ctx, g.single(l.op, i))
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// run puts the load on, until its duration or number of operations is reached.
func (l *load) run(ctx context.Context, list clients, p *prepared) *outcome {
	var taken atomic.Int64
	var group sync.WaitGroup
	results := make([]*outcome, len(list))
	start := time.Now()
	deadline := start.Add(l.duration)
	for w, c := range list {
		o := &outcome{}
		results[w] = o
		group.Go(func() {
			g := l.generator(w, p, &taken)
			for now := time.Now(); now.Before(deadline) && ctx.Err() == nil; {
				r := g.next()
				if r == nil {
					return
				}
				res, err := c.do(ctx, r)
				end := time.Now()
				if err != nil {
					o.failed++
					if o.firstError == nil {
						o.firstError = err
					}
					if o.failed > 1000 {
						return
					}
				} else {
					o.ops++
					o.bytes += res.bytes
					o.keys += int64(res.keys)
					o.latency.add(end.Sub(now))
				}
				now = end
			}
		})
	}
	group.Wait()
	total := &outcome{elapsed: time.Since(start)}
	for _, o := range results {
		total.merge(o)
	}
	return total
}

// generator makes one worker's requests. A worker keeps to keys of its own, so
// that a redirect is asked for once for each.
type generator struct {
	load   *load
	worker int
	ready  *prepared
	taken  *atomic.Int64 // operations of all workers
	count  int
	random *rand.Rand
	r      request
}

func (l *load) generator(worker int, p *prepared, taken *atomic.Int64) *generator {
	return &generator{load: l, worker: worker, ready: p, taken: taken, random: rand.New(rand.NewPCG(uint64(worker), 1))}
}

// next returns the next request, nil at the end.
func (g *generator) next() *request {
	l := g.load
	n := g.taken.Add(1)
	if l.ops > 0 && n > l.ops {
		return nil
	}
	switch l.op {
	case opDelete:
		if n > int64(l.objects) {
			return nil
		}
		return g.single(opDelete, int(n)-1)
	case opMultiDelete:
		first := int(n-1) * l.batch
		if first+l.batch > l.objects {
			return nil
		}
		g.r = request{op: opMultiDelete}
		for i := range l.batch {
			g.r.keys = append(g.r.keys, l.key(first+i))
		}
		return &g.r
	case opComplete:
		if n > int64(len(g.ready.uploads)) {
			return nil
		}
		return &g.ready.uploads[n-1]
	case opMixed: // warp's mix: 45 % GET, 30 % HEAD, 15 % PUT; deletes are PUTs here, so that keys stay
		op := opPut
		switch d := g.random.IntN(100); {
		case d < 45:
			op = opGet
		case d < 75:
			op = opHead
		}
		return g.single(op, g.own())
	}
	return g.single(l.op, g.own())
}

// own returns the worker's next key.
func (g *generator) own() int {
	i := g.worker + g.count*g.load.concurrency
	g.count++
	if i >= g.load.objects {
		g.count = 1
		i = g.worker % g.load.objects
	}
	return i
}

func (g *generator) single(op operation, i int) *request {
	l := g.load
	g.r = request{op: op, key: l.key(i), length: int64(l.size)}
	switch op {
	case opPut:
		g.r.body = g.ready.body
	case opRange:
		g.r.length = int64(l.rangeSize)
		g.r.offset = g.random.Int64N(int64(l.size-l.rangeSize) + 1)
	case opCopy:
		g.r.source = g.r.key
		g.r.key += ".copy"
	case opList:
		g.r.key, g.r.after = "", l.key(g.random.IntN(l.objects))
		g.r.delimiter, g.r.maxKeys = l.delimiter, l.maxKeys
	}
	return &g.r
}
