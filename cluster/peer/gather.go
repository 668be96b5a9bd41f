package peer

import (
	"context"
	"sync"
	"time"

	"ais/cluster"
	"ais/object"
)

// View is how the sender of a question about all names of a bucket sees where these
// are. A target that sees it otherwise, before it answers or when it has, answers
// Conflict: names may have gone from one target to another under the question.
type View struct {
	Placement uint64 `json:"placement,omitempty"` // number of the bucket's placement
	Next      uint64 `json:"next,omitempty"`      // of the one that its names are being moved to
	By        uint64 `json:"by,omitempty"`        // of these two, the one by which the target is asked
	Map       uint64 `json:"map,omitempty"`       // version of the cluster's map, by which it is decided who shows a name that has, or had, several copies; else 0
}

// ViewOf is the view of a bucket of those who see it as b; by is what View.By is.
func ViewOf(b *cluster.Bucket, by cluster.Placement) View {
	return View{Placement: b.Number, Next: b.Next.Number, By: by.Number}
}

// Is reports whether b is seen so in the state.
func (v View) Is(state *cluster.State, b *cluster.Bucket) bool {
	return v.Placement == b.Number && v.Next == b.Next.Number && (v.Map == 0 || v.Map == state.Map.Version)
}

// viewTries bounds how often a question begins anew because a bucket's names begin
// or end to move.
const viewTries = 4

// Gatherer asks the targets of a bucket for their shares of an answer.
type Gatherer struct {
	State func() *cluster.State
	Sync  func(context.Context) (*cluster.State, error) // a state that is as new as the call

	// Changes returns a channel that is closed when the state changes. Where names
	// have several copies a question waits for the cluster to go on without a target
	// that is down; nil does not.
	Changes func() <-chan struct{}
}

// Asked is a target, and how it is to be asked.
type Asked struct {
	Node cluster.Node
	View View
}

// phases returns which targets may have names of a bucket: those that are asked at
// once. Where names are being moved that is those who had them, and after these those
// who get them: so a name that goes from one to the other meanwhile is seen at one at
// least. The error is of kind Unavailable where one is down: its names would lack. Of
// several copies those that are behind are not asked, while each name has one that is not.
func phases(state *cluster.State, b *cluster.Bucket) ([][]Asked, error) {
	places := []cluster.Placement{b.Placement}
	if b.Moving() {
		places = append(places, b.Next)
	}
	out := make([][]Asked, len(places))
	for i, by := range places {
		nodes, err := state.ActingBy(b, by)
		if err != nil {
			return nil, err
		}
		view := ViewOf(b, by)
		if b.Count() > 1 || by.Count() > 1 {
			view.Map = state.Map.Version
		}
		for _, node := range nodes {
			if !state.IsLive(node.ID) {
				return nil, object.E("peer.gather", node.ID, object.Unavailable, nil)
			}
			out[i] = append(out[i], Asked{node, view})
		}
	}
	return out, nil
}

// viewed calls do with the bucket as the state has it, and again where a target sees
// it otherwise.
func (g Gatherer) viewed(ctx context.Context, bucket uint64, do func(context.Context, *cluster.State, *cluster.Bucket) error) error {
	state := g.State()
	for try := 1; ; {
		b, ok := state.BucketByID(bucket)
		if !ok {
			return object.E("peer.gather", "", object.NoSuchBucket, nil)
		}
		err := g.try(ctx, state, b, do)
		switch {
		case err == nil:
			return nil
		case object.KindOf(err) == object.Unavailable && g.waits(b):
			if !g.wait(ctx) {
				return err
			}
			state = g.State()
			continue
		case object.KindOf(err) != object.Conflict:
			return err
		case try == viewTries:
			return object.E("peer.gather", b.Name, object.Busy, err)
		}
		try++
		if state, err = g.Sync(ctx); err != nil {
			return err
		}
	}
}

// waits reports whether the cluster may go on without a target of the bucket.
func (g Gatherer) waits(b *cluster.Bucket) bool {
	return g.Changes != nil && b.Target().Count() > 1
}

// gatherPause is how long a question waits, at least once, for what it lacks.
const gatherPause = 100 * time.Millisecond

// wait waits for another state, not for long; false where ctx ends.
func (g Gatherer) wait(ctx context.Context) bool {
	timer := time.NewTimer(gatherPause)
	defer timer.Stop()
	select {
	case <-g.Changes():
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// try calls do, whose context ends when a target dies that it may wait for.
func (g Gatherer) try(ctx context.Context, state *cluster.State, b *cluster.Bucket, do func(context.Context, *cluster.State, *cluster.Bucket) error) error {
	if !g.waits(b) {
		return do(ctx, state, b)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for {
			changes := g.Changes()
			if g.State().Map.Version != state.Map.Version {
				cancel()
			}
			select {
			case <-changes:
			case <-ctx.Done():
				return
			}
		}
	}()
	return do(ctx, state, b)
}

// Each calls do for every target that may have names of the bucket, for many at
// once, and returns the first error. Where names are being moved a target may be asked
// twice, and all may be asked again.
func (g Gatherer) Each(ctx context.Context, bucket uint64, do func(context.Context, Asked) error) error {
	return g.viewed(ctx, bucket, func(ctx context.Context, state *cluster.State, b *cluster.Bucket) error {
		all, err := phases(state, b)
		for i := 0; i < len(all) && err == nil; i++ {
			err = atOnce(len(all[i]), func(k int) error { return do(ctx, all[i][k]) })
		}
		return err
	})
}

// atOnce calls do for 0 to n−1, all at once, and returns the first error.
func atOnce(n int, do func(int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := 1; i < n; i++ {
		wg.Go(func() { errs[i] = do(i) })
	}
	if n > 0 {
		errs[0] = do(0)
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Ask asks a target for what it has after the entry last, nil for the beginning: at
// most limit entries.
type Ask func(ctx context.Context, to Asked, last *object.Entry, limit int) (object.Page, error)

// Page returns a page of at most limit entries, merged from those of the targets that
// may have some. ask returns what a target has after the entry last, nil for the
// beginning, at most limit entries.
//
// While names are moved a page may be shorter than it could be, and truncated.
func (g Gatherer) Page(ctx context.Context, bucket uint64, limit int, ask Ask) (page object.Page, err error) {
	err = g.viewed(ctx, bucket, func(ctx context.Context, state *cluster.State, b *cluster.Bucket) error {
		all, err := phases(state, b)
		if err != nil {
			return err
		}
		if len(all) == 1 {
			page, err = merge(ctx, all[0], limit, ask)
			return err
		}
		page, err = mergeMoving(ctx, all, limit, ask)
		return err
	})
	return page, err
}

// merge asks each target for its share of limit entries plus some slack, all at once,
// and asks those again whose entries run out before the page is full.
func merge(ctx context.Context, nodes []Asked, limit int, ask Ask) (object.Page, error) {
	share := limit + 1
	if n := len(nodes); n > 1 {
		share = min(share, limit/n+limit/(4*n)+16)
	}
	pages := make([]object.Page, len(nodes))
	err := atOnce(len(nodes), func(i int) (err error) {
		pages[i], err = ask(ctx, nodes[i], nil, share)
		return err
	})
	if err != nil {
		return object.Page{}, err
	}
	return object.MergePages(limit, pages, func(i int, _ string) (object.Page, error) {
		dry := pages[i].Entries
		return ask(ctx, nodes[i], &dry[len(dry)-1], limit+1)
	})
}

// mergeMoving is merge while names are moved: nobody is asked twice for the same
// names, since what one has said is of another time than what the next one says. The
// page ends where the first of those that have more ends. Of a name that is at two
// targets what the later one says is taken.
func mergeMoving(ctx context.Context, all [][]Asked, limit int, ask Ask) (object.Page, error) {
	var pages []object.Page // those of a later phase first
	for _, nodes := range all {
		of := make([]object.Page, len(nodes))
		err := atOnce(len(nodes), func(i int) (err error) {
			of[i], err = ask(ctx, nodes[i], nil, limit+1)
			return err
		})
		if err != nil {
			return object.Page{}, err
		}
		pages = append(of, pages...)
	}
	return object.MergeWhole(limit, pages), nil
}

// AskPage asks a target for a page with a node-only request.
func (c *Caller) AskPage(ctx context.Context, node cluster.Node, path string, req any) (object.Page, error) {
	answer, err := c.AskRaw(ctx, node, path, req)
	if err != nil {
		return object.Page{}, err
	}
	return DecodePage(answer)
}
