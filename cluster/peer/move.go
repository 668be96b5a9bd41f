package peer

import (
	"ais/auth"
	"ais/cluster"

	"github.com/valyala/fasthttp"
	"strconv"
)

// Paths of what targets say to each other about names that are being moved.
const (
	PathEnter   = "/_/enter"   // EnterRequest → EnterAnswer: has the name's next owner bring it there
	PathLeave   = "/_/leave"   // MoveRequest → all that is known of the name (fs.Estate), which does not change here any more
	PathRelease = "/_/release" // MoveRequest → {}: the name is elsewhere for good, and goes here
	PathTake    = "/_/take"    // MoveRequest → {}: has a copy take all of the name from who asks
	PathPayload = "/_/payload" // PayloadRequest → the bytes of a payload file
	PathEntered = "/_/entered" // EnteredRequest → EnteredAnswer
	PathMoved   = "/_/moved"   // MoveRequest, without a name → MovedAnswer
)

// HeaderBy is the number of a placement: who sends a read on asks the target that owned
// the name by it, for the name has not been moved yet.
const HeaderBy = "X-Ais-By"

// MoveRequest is about a name that is being moved.
type MoveRequest struct {
	Bucket uint64 `json:"bucket"`
	Key    string `json:"key,omitempty"`
	To     uint64 `json:"to"`              // number of the placement that it goes to
	From   string `json:"from,omitempty"`  // target that asks
	Peek   bool   `json:"peek,omitempty"`  // of PathLeave: changes go on
	Large  int64  `json:"large,omitempty"` // of PathLeave: as Peek where the name's payload is of that many bytes, and 0 is not
}

// EnterRequest is a MoveRequest of a mover.
type EnterRequest struct {
	MoveRequest
	Calm bool `json:"calm,omitempty"` // rests as long as it works
}

// EnterAnswer says what it took.
type EnterAnswer struct {
	Bytes int64 `json:"bytes"` // of payload, that came
}

// EnteredRequest asks the next owner of names which of them it has.
type EnteredRequest struct {
	Bucket uint64   `json:"bucket"`
	To     uint64   `json:"to"` // number of the placement that they go to
	Keys   []string `json:"keys"`
}

// EnteredAnswer has the indexes of those.
type EnteredAnswer struct {
	Entered []int `json:"entered,omitempty"`
}

// PayloadRequest asks for a payload file of a name.
type PayloadRequest struct {
	Bucket uint64 `json:"bucket"`
	Key    string `json:"key"`
	ID     string `json:"id"`
}

// MovedAnswer says whether a target has nothing left of a bucket that is to be moved.
type MovedAnswer struct {
	Done bool `json:"done"`
}

// ForwardBy is Forward of a read to the target that owned the name by the placement of
// that number.
func (c *Caller) ForwardBy(ctx *fasthttp.RequestCtx, node cluster.Node, requestID string, grant auth.Ticket, by uint64) error {
	headers, err := c.forwardHeaders(ctx, node, requestID, grant)
	if err != nil {
		return err
	}
	all := append(headers[:], Header{HeaderBy, strconv.FormatUint(by, 10)})
	return c.client.Relay(ctx, Address(node), all)
}
