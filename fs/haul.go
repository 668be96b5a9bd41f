package fs

import (
	"io"

	"ais/object"
)

// haul is the blobs of a name that are brought to where the name is.
type haul struct {
	s      *Store
	n      object.Name
	m      *mountpath // nil until bring
	d      object.Durability
	fetch  Fetch
	intact bool // blobs that are there are checked, and replaced where they are damaged
	held   []blobID
}

// bring makes the blobs be there, and busy.
func (h *haul) bring(segments []segment, blobs []Blob) (err error) {
	if len(segments) == 0 {
		return nil
	}
	if h.m, err = h.s.home(h.n); err != nil {
		return err
	}
	for i, g := range segments {
		sources := h.others(g.Blob)
		sources = append(sources, func() (io.ReadCloser, error) { return h.fetchOne(blobs[i]) })
		if err := h.m.need(g.Blob, h.intact, h.d, nil, sources...); err != nil {
			return err
		}
		h.held = append(h.held, g.Blob)
	}
	return nil
}

// ahead brings what is here to where the mirrors of the name will be.
func (h *haul) ahead() {
	if len(h.held) > 0 {
		h.s.ahead(h.n, h.m, h.d, h.held...)
	}
}

// others returns the other mountpaths, where another name may refer to the blob, or a
// mirror does.
func (h *haul) others(id blobID) (sources []source) {
	for _, m := range h.s.layout.Load().everywhere() {
		if m != h.m && m.index.Load() != nil {
			sources = append(sources, m.has(id))
		}
	}
	return sources
}

func (h *haul) fetchOne(b Blob) (io.ReadCloser, error) {
	if err := h.m.space.admit(b.Size); err != nil {
		return nil, err
	}
	return h.fetch(b)
}

// referred ends the hold on the blobs, which the index refers to, or may: then the
// sweep decides.
func (h *haul) referred() {
	if len(h.held) > 0 {
		h.m.keep.unhold(append(h.m.arrivals.unstage(h.held), h.held...))
		h.held = nil
	}
}

// release lets go of the blobs. Those that were staged stay so.
func (h *haul) release() {
	if len(h.held) > 0 {
		h.m.letGo(h.held...)
		h.held = nil
	}
}
