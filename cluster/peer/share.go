package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"ais/auth"
	"ais/cluster"
	"ais/object"
)

// PathShare is where a target that answers a batch asks another for its share:
// ShareRequest → for each entry, in their order, a ShareHead and its bytes. It asks in
// the name of who has sent the batch, so that the owner decides about each entry.
const PathShare = "/_/share"

// ShareRequest names objects that the target owns.
type ShareRequest struct {
	Entries []ShareEntry `json:"entries"`
	Stat    bool         `json:"stat,omitempty"` // heads only, no bytes
}

// ShareEntry is an object, or a file in one that is an archive, or bytes of either.
type ShareEntry struct {
	Bucket   uint64 `json:"b"`
	Key      string `json:"k"`
	ArchPath string `json:"a,omitempty"`
	Start    int64  `json:"s,omitempty"`
	Length   int64  `json:"l,omitempty"` // −1 is all from Start on, 0 with Start 0 is all
	ETag     string `json:"e,omitempty"` // Busy where the object has another; "" for any
}

// ShareHead says what follows of an entry: Size bytes, or none where it has failed.
type ShareHead struct {
	Size    int64  `json:"n"`
	ETag    string `json:"e,omitempty"`
	Kind    string `json:"k,omitempty"` // text of an object.Kind; "" where it has not failed
	Message string `json:"m,omitempty"`
}

// Err returns why the entry has failed, nil where it has not.
func (h *ShareHead) Err() error {
	if h.Kind == "" {
		return nil
	}
	if h.Message == "" {
		return object.E("peer.share", "", object.KindFromText(h.Kind), nil)
	}
	return object.E("peer.share", "", object.KindFromText(h.Kind), remoteError{h.Message})
}

// FailedShare is the head of an entry that has failed with err.
func FailedShare(err error) ShareHead {
	h := ShareHead{Kind: object.KindOf(err).Error()}
	var e *object.Error
	if errors.As(err, &e) && e.Err != nil {
		h.Message = e.Err.Error()
	}
	return h
}

// maxShareHead bounds a head: a message and an ETag.
const maxShareHead = 64 << 10

// WriteShareHead writes a head: its length in four bytes, big-endian, and JSON.
func WriteShareHead(w io.Writer, h ShareHead) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if len(text) > maxShareHead {
		h.Message = ""
		return WriteShareHead(w, h)
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...))
	return err
}

// ReadShareHead is the inverse of WriteShareHead. The error is io.EOF, or
// io.ErrUnexpectedEOF, where the stream ends.
func ReadShareHead(r io.Reader) (h ShareHead, err error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return h, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxShareHead {
		return h, errEncoding
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, noEOF(err)
	}
	if err := json.Unmarshal(text, &h); err != nil || h.Size < 0 {
		return h, errEncoding
	}
	return h, nil
}

// OpenShare asks node for its share of a batch; grant is what was found out about who
// has sent the batch, as for Forward. The caller closes the stream. Errors are those
// that the node reports, by their kind, or Unavailable.
func (c *Caller) OpenShare(ctx context.Context, client *http.Client, node cluster.Node, grant auth.Ticket, r ShareRequest) (io.ReadCloser, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, node.URL+PathShare, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set(HeaderTicket, c.sign(node, grant, auth.Request{Method: http.MethodPost, RawPath: PathShare}))
	req.Header.Set(HeaderRevision, strconv.FormatInt(c.state().Revision, 10))
	resp, err := client.Do(req)
	if err != nil {
		return nil, object.E("peer.OpenShare", node.ID, object.Unavailable, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxShareHead))
	if err != nil {
		return nil, object.E("peer.OpenShare", node.ID, object.Unavailable, err)
	}
	return nil, errorFrom(PathShare, node.ID, resp.StatusCode, answer)
}
