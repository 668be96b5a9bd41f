package fs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// side is one of two stores that keep copies of each other's names.
type side struct {
	store atomic.Pointer[fs.Store]
	peer  *side

	term    atomic.Uint64
	owner   atomic.Bool
	alone   atomic.Bool // changes are noted for the peer and not sent
	streams bool        // blobs are passed on while they are written

	durability object.Durability // of what is streamed

	mu      sync.Mutex       // guards the rest
	refuse  func() error     // before a change is sent
	lost    func(*fs.Change) // what refuse kept from being sent; may be nil
	lose    func() error     // after it was prepared at the peer
	after   func() error     // after it was applied here
	settles bool             // at once
	batch   int              // of so many, together
	pending []fs.Settlement
	fetched int
	staged  int
}

func (p *side) copying() *fs.Copying {
	return &fs.Copying{
		Enter: func(object.Name, bool) error { return nil },
		Sends: func(n object.Name) bool { return p.owner.Load() && n.Bucket == 7 },
		Term:  func(object.Name) (uint64, uint64, error) { return 1, p.term.Load(), nil },
		Send:  p.send, Sent: p.wasSent, Stream: p.stream,
		Lists: func(object.Name, func() (fs.Stamp, error)) bool { return p.owner.Load() },
	}
}

// overTheWire is a change as it comes out at the other end.
func overTheWire(c *fs.Change) *fs.Change {
	out, err := fs.DecodeChange(fs.EncodeChange(c))
	if err != nil {
		panic(err)
	}
	return out
}

func (p *side) hook(f func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f == nil {
		return nil
	}
	return f()
}

func (p *side) send(c *fs.Change) error {
	if p.alone.Load() {
		c.Handoff = append(c.Handoff, "peer")
		return nil
	}
	if err := p.hook(p.refuse); err != nil {
		if p.lost != nil {
			p.lost(overTheWire(c))
		}
		return err
	}
	if err := p.peer.receive(overTheWire(c), p); err != nil {
		return err
	}
	return p.hook(p.lose)
}

// receive prepares a change, with the whole state of the name first where that is
// needed.
func (p *side) receive(c *fs.Change, from *side) error {
	defer clear(c.Records) // the buffer of a request is used again once it was answered
	s := p.store.Load()
	defer clear(c.Records) // the buffer that the change came in is used again
	err := s.Prepare(c, from.fetch(c.Name))
	if !errors.Is(err, fs.ErrBehind) {
		return err
	}
	if err := p.pull(c.Name, from); err != nil {
		return err
	}
	return s.Prepare(c, from.fetch(c.Name))
}

func (p *side) pull(n object.Name, from *side) error {
	e, err := from.store.Load().Estate(n)
	if err != nil {
		return err
	}
	if e, err = fs.DecodeEstate(fs.EncodeEstate(e)); err != nil {
		return err
	}
	return p.store.Load().Adopt(e, from.fetch(n))
}

// fetch gives out blobs of a name that this side has.
func (p *side) fetch(n object.Name) fs.Fetch {
	return func(b fs.Blob) (io.ReadCloser, error) {
		p.mu.Lock()
		p.fetched++
		p.mu.Unlock()
		r, _, err := p.store.Load().OpenBlob(n, b.ID)
		return r, err
	}
}

func (p *side) wasSent(c *fs.Change, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alone.Load() {
		return nil
	}
	if err != nil {
		return nil // whether it was applied is not known
	}
	if p.after != nil {
		if err := p.after(); err != nil {
			return err
		}
	}
	if p.batch > 0 {
		p.pending = append(p.pending, fs.Settlement{Name: c.Name, Stamp: c.Stamp, Commit: true})
		if len(p.pending) < p.batch {
			return nil
		}
		list := p.pending
		p.pending = nil
		return errors.Join(p.peer.store.Load().SettleMany(list)...)
	}
	if p.settles {
		return p.peer.store.Load().Settle(c.Name, c.Stamp, true)
	}
	return nil
}

// streaming counts the blobs that came whole.
type streaming struct {
	*fs.Staged
	from *side
}

func (w streaming) Close() error {
	err := w.Staged.Close()
	if err == nil {
		w.from.mu.Lock()
		w.from.staged++
		w.from.mu.Unlock()
	}
	return err
}

func (p *side) stream(n object.Name, blob string) io.WriteCloser {
	if !p.streams || p.alone.Load() {
		return nil
	}
	w, err := p.peer.store.Load().Stage(n, blob, -1, p.durability)
	if err != nil {
		return nil
	}
	return streaming{w, p}
}

// settle tells the peer of all that was applied, and whatever else it has in doubt is
// decided by what is here.
func (p *side) settle(t testing.TB) {
	t.Helper()
	here, there := p.store.Load(), p.peer.store.Load()
	for _, commit := range []bool{true, false} {
		var list []fs.Settlement
		for _, d := range there.InDoubt() {
			now, err := here.Stamp(d.Name)
			if err != nil {
				t.Fatal(err)
			}
			if !commit || now == d.Stamp {
				list = append(list, fs.Settlement{Name: d.Name, Stamp: d.Stamp, Commit: commit})
			}
		}
		if err := errors.Join(there.SettleMany(list)...); err != nil {
			t.Fatal(err)
		}
	}
	if left := there.InDoubt(); len(left) > 0 {
		t.Fatalf("%v is still in doubt", left)
	}
}

// joined returns two sides, the first of which owns all names.
func joined() (*side, *side) {
	a, b := &side{settles: true}, &side{settles: true}
	a.peer, b.peer = b, a
	a.owner.Store(true)
	a.term.Store(1)
	return a, b
}

// open opens the store of a side.
func (p *side) open(t testing.TB, c fs.Config) *fs.Store {
	t.Helper()
	c.Copying = p.copying()
	s := open(t, c)
	p.store.Store(s)
	return s
}

// pair is two sides on file systems in memory.
func pair(t testing.TB) (a, b *side) {
	t.Helper()
	a, b = joined()
	a.open(t, memConfig(faultfs.New()))
	c := memConfig(faultfs.New())
	c.Mountpaths = []string{"/r1", "/r2", "/r3"}
	b.open(t, c)
	return a, b
}

// estates returns what a store has of all names, by name, without what is noted of
// completed uploads and for other targets.
func estates(t testing.TB, s *fs.Store) map[object.Name]string {
	t.Helper()
	out := make(map[object.Name]string)
	for after, more := (object.Name{}), true; more; {
		page, err := s.WalkNames(7, after, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range page {
			e, err := s.Estate(k.Name)
			if err != nil {
				t.Fatal(err)
			}
			if k.Stamp != e.Stamp || k.Removed != e.Removed() {
				t.Fatalf("walking: %+v, but %+v", k, e)
			}
			out[k.Name] = string(fs.EncodeEstate(fs.Comparable(e)))
			after = k.Name
		}
		more = len(page) > 0
	}
	return out
}

// wantCopy checks that two stores have the same of all names.
func wantCopy(t testing.TB, a, b *fs.Store) {
	t.Helper()
	want, got := estates(t, a), estates(t, b)
	for n, e := range want {
		if got[n] != e {
			t.Errorf("%v: the copy differs:\n%q\n%q", n, e, got[n])
		}
	}
	for n := range got {
		if _, there := want[n]; !there {
			t.Errorf("%v: only the copy has it", n)
		}
	}
	if objects, size, err := a.Count(7); err != nil {
		t.Error(err)
	} else if o, s, err := b.Count(7); err != nil || o != objects || s != size {
		t.Errorf("the copy counts %d objects, %d bytes, and not %d, %d: %v", o, s, objects, size, err)
	}
}

// TestCopiesFollow makes each change of one name or two at an owner: the copy then has
// the same in every record, reads the same bytes, and has as many blobs.
func TestCopiesFollow(t *testing.T) {
	for _, op := range operations() {
		for _, streams := range []bool{false, true} {
			name := strings.ReplaceAll(op.name, " ", "-")
			if streams {
				name += "/streamed"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				a, b := joined()
				a.streams = streams
				ca, cb := crashConfig(faultfs.New()), crashConfig(faultfs.New())
				owner, replica := a.open(t, ca), b.open(t, cb)
				if err := errors.Join(op.setup(owner, object.Power), op.do(owner, object.Power)); err != nil {
					t.Fatal(err)
				}
				wantCopy(t, owner, replica)
				b.owner.Store(true) // it lists
				for _, s := range []*fs.Store{owner, replica} {
					if why := compare(s, op.after); why != "" {
						t.Error(why)
					}
					if r := sweep(t, s); r.Orphans > 0 {
						t.Errorf("%d orphans", r.Orphans)
					}
					if err := s.Close(); err != nil { // and with it what was put off
						t.Error(err)
					}
				}
				if ours, theirs := blobs(t, ca.OS, ca), blobs(t, cb.OS, cb); ours != op.after.blobs || theirs != ours {
					t.Errorf("%d blobs here and %d there, want %d", ours, theirs, op.after.blobs)
				}
				if streams && a.fetched > 0 && op.name != "fill blob" && op.name != "fill over blob" {
					t.Errorf("%d blobs were fetched, %d streamed", a.fetched, a.staged)
				}
			})
		}
	}
}

// TestPrepared looks at a copy between the two steps of a change.
func TestPrepared(t *testing.T) {
	a, b := pair(t)
	a.settles = false
	b.owner.Store(true)
	owner, replica := a.store.Load(), b.store.Load()
	put(t, owner, name("k"), large)
	if !replica.Dirty(name("k")) || replica.Dirty(name("l")) || owner.Dirty(name("k")) {
		t.Fatal("the wrong names are dirty")
	}
	if _, err := replica.Stat(name("k"), ""); object.KindOf(err) != object.NotFound {
		t.Fatal("a prepared change can be seen:", err)
	}
	if _, err := tryPut(replica, name("k"), small, object.Cond{}, object.Power); !errors.Is(err, fs.ErrInDoubt) || object.KindOf(err) != object.Busy {
		t.Fatal("a change of a name that is in doubt:", err)
	}
	put(t, owner, name("k"), small)
	doubts := replica.InDoubt()
	if len(doubts) != 2 || !doubts[0].Stamp.Less(doubts[1].Stamp) {
		t.Fatalf("in doubt: %v", doubts)
	}
	if n := sweep(t, replica).Orphans; n != 0 {
		t.Fatalf("%d blobs of prepared changes were swept", n)
	}
	if err := replica.Settle(name("k"), doubts[1].Stamp, true); err != nil {
		t.Fatal(err)
	}
	if err := replica.Settle(name("k"), doubts[0].Stamp, false); err != nil { // too late
		t.Fatal(err)
	}
	wantCopy(t, owner, replica)
	wantContent(t, replica, name("k"), small)
}

// TestGivenUp drops a prepared change, by word of the owner and by the next change
// that begins where it did.
func TestGivenUp(t *testing.T) {
	a, b := pair(t)
	owner, replica := a.store.Load(), b.store.Load()
	put(t, owner, name("k"), part1)
	for _, told := range []bool{false, true} {
		a.lose = func() error { return object.E("send", "", object.Unavailable, nil) }
		if _, err := tryPut(owner, name("k"), large, object.Cond{}, object.Power); object.KindOf(err) != object.Unavailable {
			t.Fatal(err)
		}
		a.lose = nil
		wantContent(t, owner, name("k"), part1)
		if !replica.Dirty(name("k")) {
			t.Fatal("nothing is prepared")
		}
		if told {
			a.settle(t)
		}
		put(t, owner, name("k"), part1)
		wantCopy(t, owner, replica)
		for _, s := range []*fs.Store{owner, replica} {
			if n := sweep(t, s); n.Blobs != 1 || n.Orphans != 0 {
				t.Fatalf("blobs: %+v", n)
			}
		}
	}
}

// TestBehind has a copy miss changes, of which notes are kept here and with the
// copies, and catch up with an empty change.
func TestBehind(t *testing.T) {
	a, b := pair(t)
	owner, replica := a.store.Load(), b.store.Load()
	put(t, owner, name("gone"), large)
	put(t, owner, name("k"), large)
	a.alone.Store(true)
	a.term.Store(5)
	put(t, owner, name("k"), part1)
	put(t, owner, name("new"), small)
	if _, err := upload(owner, name("up"), "u", object.Power, part1, part2); err != nil {
		t.Fatal(err)
	}
	if errs := removeAll(owner, object.Power, name("gone")); errs[0] != nil {
		t.Fatal(errs)
	}
	a.alone.Store(false)
	var missed []string
	for after, more := (object.Name{}), true; more; {
		page, err := owner.Handoffs(7, "peer", after, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range page {
			if h.Term != 5 {
				t.Fatalf("%+v", h)
			}
			missed, after = append(missed, h.Name.Key), h.Name
			if err := owner.Touch(h.Name, object.Power); err != nil {
				t.Fatal(err)
			}
		}
		more = len(page) == 3
	}
	if got := strings.Join(missed, " "); got != "gone k new up" {
		t.Fatal(got)
	}
	wantCopy(t, owner, replica)
	for _, before := range []uint64{5, 6} {
		if err := owner.ForgetHandoffs("peer", before); err != nil {
			t.Fatal(err)
		}
		left, err := owner.Handoffs(7, "peer", object.Name{}, 10)
		if want := map[uint64]int{5: 4, 6: 0}[before]; err != nil || len(left) != want {
			t.Fatalf("%v, %v", left, err)
		}
	}
	put(t, owner, name("gone"), small)
	wantCopy(t, owner, replica)
}

// TestStale refuses the changes of an owner that others have succeeded.
func TestStale(t *testing.T) {
	a, b := pair(t)
	owner, replica := a.store.Load(), b.store.Load()
	put(t, owner, name("k"), large)
	a.alone.Store(true)
	b.alone.Store(true)
	a.owner.Store(false)
	b.owner.Store(true)
	b.term.Store(2)
	put(t, replica, name("k"), small)
	a.owner.Store(true)
	a.alone.Store(false)
	if _, err := tryPut(owner, name("k"), part1, object.Cond{}, object.Power); !errors.Is(err, fs.ErrStale) || object.KindOf(err) != object.Conflict {
		t.Fatal(err)
	}
	if err := b.pull(name("k"), a); !errors.Is(err, fs.ErrStale) {
		t.Fatal(err)
	}
	wantContent(t, owner, name("k"), large)
	if err := a.pull(name("k"), b); err != nil {
		t.Fatal(err)
	}
	wantCopy(t, replica, owner)
	wantContent(t, owner, name("k"), small)
}

// TestRepair replaces the damaged blob of a copy.
func TestRepair(t *testing.T) {
	a, b := joined()
	a.open(t, crashConfig(faultfs.New()))
	f := faultfs.New()
	c := crashConfig(f)
	replica := b.open(t, c)
	put(t, a.store.Load(), name("k"), large)
	for i := range 256 {
		dir := fmt.Sprintf("/m/blobs/%02x", i)
		names, err := f.List("test.list", dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if err := f.Flip(dir+"/"+name, 20_000); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, _, err := get(replica, name("k")); object.KindOf(err) != object.Corrupt {
		t.Fatal("not damaged:", err)
	}
	if err := a.pull(name("k"), b); object.KindOf(err) != object.Invalid && err != nil {
		t.Fatal(err)
	}
	wantContent(t, a.store.Load(), name("k"), large) // what was good stays
	if err := b.pull(name("k"), a); err != nil {
		t.Fatal(err)
	}
	wantContent(t, replica, name("k"), large)
	if n := blobs(t, f, c); n != 1 {
		t.Fatal(n, "blobs")
	}
}

// TestRelease gives a name away, with its uploads, after another store has taken all of it.
func TestRelease(t *testing.T) {
	a, b := pair(t)
	owner := a.store.Load()
	a.alone.Store(true)
	put(t, owner, name("k"), large)
	if _, err := upload(owner, name("k"), "u", object.Power, part1); err != nil {
		t.Fatal(err)
	}
	if err := b.pull(name("k"), a); err != nil {
		t.Fatal(err)
	}
	wantCopy(t, owner, b.store.Load())
	if err := owner.Release(name("k")); err != nil {
		t.Fatal(err)
	}
	if left := estates(t, owner); len(left) != 0 {
		t.Fatalf("%v", left)
	}
	if r := sweep(t, owner); r.Blobs != 0 {
		t.Fatalf("%+v", r)
	}
	put(t, owner, name("k"), small)
	b.owner.Store(true)
	wantContent(t, b.store.Load(), name("k"), large)
	b.owner.Store(false)
}

// TestReleaseOfMirrored gives a name away that has a mirror, and takes it back:
// nothing is left of it meanwhile, and both mountpaths have it afterwards.
func TestReleaseOfMirrored(t *testing.T) {
	f := faultfs.New()
	c := memConfig(f)
	s := open(t, c)
	if err := s.SetCopies(7, 2); err != nil {
		t.Fatal(err)
	}
	if err := s.Resilver(t.Context(), &fs.Progress{}); err != nil {
		t.Fatal(err)
	}
	files := func() (n int) {
		for _, dir := range []string{"/m1", "/m2"} {
			c.Mountpaths = []string{dir, dir + "/mirror"}
			n += blobs(t, f, c)
		}
		return n
	}
	put(t, s, name("k"), large)
	if n := files(); n != 2 {
		t.Fatal(n, "blobs")
	}
	a, _ := joined()
	a.store.Store(s)
	e, err := s.Estate(name("k"))
	if err != nil {
		t.Fatal(err)
	}
	data := a.keep(t, e)
	if err := s.Release(name("k")); err != nil {
		t.Fatal(err)
	}
	if n := files(); n != 0 {
		t.Fatal(n, "blobs are left")
	}
	if err := s.Adopt(e, func(b fs.Blob) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(data[b.ID])), nil }); err != nil {
		t.Fatal(err)
	}
	if n := files(); n != 2 {
		t.Fatal(n, "blobs")
	}
	if err := s.Detach("/m1", true); err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, name("k"), large)
}

// keep reads the blobs of a name.
func (p *side) keep(t *testing.T, e *fs.Estate) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, b := range e.Blobs {
		r, err := p.fetch(e.Name)(b)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		out[b.ID] = string(data)
	}
	return out
}

// TestBlobOfABlob stages a blob whose payload is the file of another one, cut where that
// ends: it looks whole before it is.
func TestBlobOfABlob(t *testing.T) {
	s := open(t, memConfig(faultfs.New()))
	file := func(key string, payload []byte) (id string, data []byte) {
		t.Helper()
		if err := putOp(key, payload)(s, object.Power); err != nil {
			t.Fatal(err)
		}
		e, err := s.Estate(name(key))
		if err != nil || len(e.Blobs) != 1 {
			t.Fatal(e, err)
		}
		r, _, err := s.OpenBlob(name(key), e.Blobs[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if data, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		return e.Blobs[0].ID, data
	}
	_, inner := file("inner", large)
	id, outer := file("outer", inner)
	if !bytes.HasPrefix(outer, inner) {
		t.Fatal("the payload is not as it was written")
	}
	for _, damaged := range []bool{false, true} {
		for _, cut := range []int{len(inner), 0, 7000} {
			there := open(t, memConfig(faultfs.New()))
			w, err := there.Stage(name("outer"), id, -1, object.Power)
			if err != nil {
				t.Fatal(err)
			}
			sent := bytes.Clone(outer)
			if damaged {
				sent[100] ^= 1
			}
			for _, piece := range [][]byte{sent[:cut], sent[cut:]} {
				if _, err := w.Write(piece); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); damaged && object.KindOf(err) != object.Corrupt || !damaged && err != nil {
				t.Errorf("damaged: %v, cut at %d: %v", damaged, cut, err)
			}
		}
	}
}
