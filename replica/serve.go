package replica

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
)

// Serve answers a message of another target; ok is false for a path that is none of
// these. The sender's state is known here: it came with the message.
func (k *Keeper) Serve(path string, body []byte) (answer []byte, ok bool, err error) {
	serve, ok := map[string]func(*Keeper, []byte) ([]byte, error){
		peer.PathPrepare: (*Keeper).servePrepare,
		peer.PathSettle:  (*Keeper).serveSettle,
		peer.PathResolve: (*Keeper).serveResolve,
		peer.PathEstate:  (*Keeper).serveEstate,
		peer.PathBarrier: (*Keeper).serveBarrier,
		peer.PathMissed:  (*Keeper).serveMissed,
		peer.PathStamps:  (*Keeper).serveStamps,
	}[path]
	if !ok {
		return nil, false, nil
	}
	answer, err = serve(k, body)
	return answer, true, err
}

// mayChange reports whether a target may change the name here: it is the acting owner
// by this target's state, and this target has a copy.
func (k *Keeper) mayChange(sender string, n object.Name) (s standing, ok bool, err error) {
	s, several, err := k.stand(n)
	if err != nil || !several {
		return s, false, err
	}
	return s, s.self >= 0 && !s.owns() && s.owner().Node.ID == sender, nil
}

// answer is a verdict by the present state.
func (k *Keeper) answer(v verdict, stamp fs.Stamp) []byte {
	return verdictAnswer{verdict: v, revision: k.members.State().Revision, stamp: stamp}.encode()
}

// servePrepare keeps a change until it is settled. A copy that is not in the state
// that the change begins with fetches all of the name first; one that is not in sync
// may do so later. Where the sender stops being the owner meanwhile, the change is
// dropped, and not said to be here: whoever owns the name by now has looked at what was
// prepared before it answered anybody, and would not see this one.
func (k *Keeper) servePrepare(body []byte) ([]byte, error) {
	m, err := decodePrepare(body)
	if err != nil {
		return nil, err
	}
	c, err := fs.DecodeChange(m.change)
	if err != nil {
		return nil, err
	}
	if len(m.settle) > 0 {
		go k.settleAll(m.sender, m.settle)
	}
	unlock := k.turns.lock(c.Name)
	defer unlock()
	s, ok, err := k.mayChange(m.sender, c.Name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return k.answer(stale, fs.Stamp{}), nil
	}
	err = k.prepareHere(&m, c, s.owner().Node, !s.copies[s.self].InSync())
	switch {
	case err == nil && !k.maySettle(m.sender, c.Name):
		return k.answer(stale, fs.Stamp{}), k.store.Settle(c.Name, c.Stamp, false)
	case err == nil:
		return k.answer(done, c.Stamp), nil
	case errors.Is(err, fs.ErrStale):
		return k.answer(stale, fs.Stamp{}), nil
	case !s.copies[s.self].InSync() && k.returns.owe(c.Name):
		return k.answer(later, fs.Stamp{}), nil
	}
	return nil, err // where the copy is behind, it catches up anew
}

// maxAtOnce is how many bytes a copy that catches up fetches while a change waits for
// it; it fetches more when nobody waits.
const maxAtOnce = 4 << 20

var errLater = errors.New("there is much to fetch")

func (k *Keeper) prepareHere(m *prepareMessage, c *fs.Change, owner cluster.Node, behind bool) error {
	fetch := m.carried(k.fetcher(owner, c.Name))
	if m.again {
		if err := k.store.Settle(c.Name, c.Stamp, false); err != nil {
			return err
		}
	}
	err := k.store.Prepare(c, fetch)
	if !errors.Is(err, fs.ErrBehind) {
		return err
	}
	e, err := k.askEstate(owner, c.Name)
	if err != nil {
		return err
	}
	if behind && fs.SizeOf(e.Blobs) > maxAtOnce {
		return errLater
	}
	if err := k.adopt(owner, e); err != nil {
		return err
	}
	return k.store.Prepare(c, fetch)
}

// carried returns what opens the blobs that came with the change, and fetches others.
func (m *prepareMessage) carried(fetch fs.Fetch) fs.Fetch {
	return func(b fs.Blob) (io.ReadCloser, error) {
		for _, c := range m.blobs {
			if c.id == b.ID {
				return io.NopCloser(bytes.NewReader(c.bytes)), nil
			}
		}
		return fetch(b)
	}
}

// serveSettle settles changes.
func (k *Keeper) serveSettle(body []byte) ([]byte, error) {
	d := readMessage(body)
	sender, list := d.text(), d.settlements()
	if err := d.err(); err != nil {
		return nil, err
	}
	k.settleAll(sender, list)
	return nil, nil
}

// settleWorkers is how many names of one message are settled at a time: each waits
// for its own index write, which many share.
const settleWorkers = 16

// settleAll settles changes of a sender's, those that it may still decide about, in as
// few index writes as that takes: names whose turn somebody else has come after the
// others. What fails stays in doubt, and is asked about.
func (k *Keeper) settleAll(sender string, list []settlement) {
	var together []fs.Settlement
	var later []settlement
	var unlock []func()
	for _, one := range list {
		leave, ok := k.turns.try(one.name)
		switch {
		case !ok:
			later = append(later, one)
		case !k.maySettle(sender, one.name):
			leave()
		default:
			together = append(together, one.stored())
			unlock = append(unlock, leave)
		}
	}
	k.settleNow(together)
	for _, leave := range unlock {
		leave()
	}
	each(settleWorkers, later, func(one settlement) {
		defer k.turns.lock(one.name)()
		if k.maySettle(sender, one.name) {
			k.settleNow([]fs.Settlement{one.stored()})
		}
	})
}

func (s settlement) stored() fs.Settlement {
	return fs.Settlement{Name: s.name, Stamp: s.stamp, Commit: s.commit, Missing: s.missing}
}

// settleNow settles changes of names whose turn is held.
func (k *Keeper) settleNow(list []fs.Settlement) {
	for i, err := range k.store.SettleMany(list) {
		if n := list[i].Name; err != nil {
			k.cfg.Logger.Warn("a prepared change is not settled", "bucket", n.Bucket, "key", n.Key, "err", err)
		}
	}
}

// maySettle reports whether a target may say what came of changes of the name.
func (k *Keeper) maySettle(sender string, n object.Name) bool {
	_, ok, err := k.mayChange(sender, n)
	return ok && err == nil
}

// each calls do for every item, workers at a time.
func each[T any](workers int, list []T, do func(T)) {
	if len(list) == 1 {
		do(list[0])
		return
	}
	var wg sync.WaitGroup
	work := make(chan T)
	for range min(workers, len(list)) {
		wg.Go(func() {
			for item := range work {
				do(item)
			}
		})
	}
	for _, item := range list {
		work <- item
	}
	close(work)
	wg.Wait()
}

// serveResolve tells a copy in which state the name is here, at its acting owner:
// what it has prepared, and is not that, came to nothing, unless it is on its way.
func (k *Keeper) serveResolve(body []byte) ([]byte, error) {
	m, err := decodeName(body)
	if err != nil {
		return nil, err
	}
	s, several, err := k.stand(m.name)
	switch {
	case err != nil:
		return nil, err
	case !several || !s.owns():
		return k.answer(stale, fs.Stamp{}), nil
	case k.members.Fenced():
		return nil, notHere(m.name, 0, errFenced)
	case k.store.Dirty(m.name):
		k.doubts.look()
		return k.answer(undecided, fs.Stamp{}), nil
	case !k.moves.InUse(m.name):
		return k.answer(undecided, fs.Stamp{}), nil
	}
	v := done
	if k.flights.some(m.name) {
		v = inFlight
	}
	stamp, err := k.store.Stamp(m.name)
	if err != nil {
		return nil, err
	}
	return k.answer(v, stamp), nil
}

// serveEstate answers with all that is here of a name.
func (k *Keeper) serveEstate(body []byte) ([]byte, error) {
	m, err := decodeName(body)
	if err != nil {
		return nil, err
	}
	e, err := k.store.Estate(m.name)
	if err != nil {
		return nil, err
	}
	return fs.EncodeEstate(e), nil
}

// ServeBlob opens the file of a blob that a copy asks for; size is that of the file.
func (k *Keeper) ServeBlob(body []byte) (r io.ReadCloser, size int64, err error) {
	m, err := decodeName(body)
	if err != nil {
		return nil, 0, err
	}
	return k.store.OpenBlob(m.name, m.blob)
}

// ServeStage takes the bytes of a blob while the acting owner of its name receives
// them.
func (k *Keeper) ServeStage(body io.Reader, buf []byte) error {
	var length [4]byte
	if _, err := io.ReadFull(body, length[:]); err != nil {
		return object.E("replica.Stage", "", object.Incomplete, err)
	}
	head := make([]byte, min(binary.BigEndian.Uint32(length[:]), 64<<10))
	if _, err := io.ReadFull(body, head); err != nil {
		return object.E("replica.Stage", "", object.Incomplete, err)
	}
	m, err := decodeName(head)
	if err != nil {
		return err
	}
	s, ok, err := k.mayChange(m.sender, m.name)
	if err != nil {
		return err
	}
	if !ok {
		return object.E("replica.Stage", m.name.Key, object.Conflict, ErrElsewhere)
	}
	w, err := k.store.Stage(m.name, m.blob, -1, s.bucket.Props.Durability)
	if err != nil {
		return err
	}
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				w.Abort()
				return err
			}
		}
		if err == io.EOF {
			return w.Close()
		}
		if err != nil {
			w.Abort()
			return object.E("replica.Stage", m.name.Key, object.Incomplete, err)
		}
	}
}

// serveStamps answers with the states of names here.
func (k *Keeper) serveStamps(body []byte) ([]byte, error) {
	d := readMessage(body)
	names := d.names()
	if err := d.err(); err != nil {
		return nil, err
	}
	e := newMessage(16 * len(names))
	e.uint(uint64(len(names)))
	for _, n := range names {
		stamp, err := k.store.Stamp(n)
		if err != nil {
			return nil, err
		}
		e.stamp(stamp)
		e.bool(k.store.Dirty(n))
	}
	return e, nil
}

func (e *encoder) names(names []object.Name) {
	e.uint(uint64(len(names)))
	for _, n := range names {
		e.name(n)
	}
}

func (d *decoder) names() []object.Name {
	out := make([]object.Name, d.count())
	for i := range out {
		out[i] = d.name()
	}
	return slices.Clip(out)
}
