package replica

import (
	"encoding/binary"
	"errors"
	"io"

	"ais/cluster/peer"
	"ais/object"
)

// stream is fs.Copying's Stream: the bytes of a new blob go to the other copies while
// they are received. A copy that takes none for too long is left out; it fetches the
// blob when it prepares the change.
func (k *Keeper) stream(n object.Name, blob string) io.WriteCloser {
	if !k.started.Load() {
		return nil
	}
	s, several, err := k.stand(n)
	if !several || err != nil || !s.owns() {
		return nil
	}
	var out pourings
	for i := range s.copies {
		if i == s.self || !s.copies[i].Live {
			continue
		}
		to, err := k.pour(&s, i, n, blob)
		if err != nil {
			k.metrics.streamsCut.Inc()
			continue
		}
		out = append(out, to)
	}
	if len(out) == 0 {
		return nil
	}
	return &out
}

// pour begins the stream to one copy.
func (k *Keeper) pour(s *standing, i int, n object.Name, blob string) (pouring, error) {
	to, err := k.caller.Pour(s.copies[i].Node, peer.PathStage)
	if err != nil {
		return pouring{}, err
	}
	m := nameMessage{sender: k.cfg.ID, name: n, blob: blob}
	head := m.encode()
	head = append(binary.BigEndian.AppendUint32(nil, uint32(len(head))), head...)
	if _, err := to.Write(head); err != nil {
		to.Drop()
		return pouring{}, err
	}
	return pouring{k, to}, nil
}

// pouring is a stream to one copy.
type pouring struct {
	k  *Keeper
	to *peer.Pouring
}

// pourings are the streams of one blob.
type pourings []pouring

var errNoneLeft = errors.New("no copy takes the stream any more")

// Write implements io.Writer.
func (p *pourings) Write(b []byte) (int, error) {
	kept := (*p)[:0]
	for _, one := range *p {
		if _, err := one.to.Write(b); err != nil {
			one.to.Drop()
			one.k.metrics.streamsCut.Inc()
			continue
		}
		kept = append(kept, one)
	}
	if *p = kept; len(kept) == 0 {
		return 0, errNoneLeft
	}
	return len(b), nil
}

// Close implements io.Closer. It does not wait for what the copies say: the change
// that refers to the blob waits for them there.
func (p *pourings) Close() error {
	for _, one := range *p {
		go func() {
			if err := one.to.End(); err != nil {
				one.k.cfg.Logger.Debug("a blob was not staged at a copy", "err", err)
			}
		}()
	}
	*p = nil
	return nil
}
