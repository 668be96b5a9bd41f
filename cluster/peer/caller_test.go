package peer

import (
	"errors"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"ais/auth"
	"ais/cluster"
)

// Nodes whose clocks differ take each other's tickets; an old one is none.
func TestClocksDiffer(t *testing.T) {
	state := cluster.NewState(cluster.Contents{TicketKeys: cluster.TicketKeys{make([]byte, 32)}})
	at := func(id string, offset time.Duration) *Caller {
		return NewCaller(nil, id, func() *cluster.State { return state }, func() time.Time { return time.Now().Add(offset) })
	}
	for _, x := range []struct {
		signs, verifies time.Duration
		want            error
	}{
		{0, 0, nil},
		{-10 * time.Minute, 10 * time.Minute, nil},
		{15 * time.Minute, -15 * time.Minute, nil},
		{-15 * time.Minute, 15 * time.Minute, nil},
		{0, ticketLife + clockSkew, auth.Expired},
	} {
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.SetMethod("POST")
		ctx.Request.SetRequestURI("/path")
		for _, h := range at("a", x.signs).nodeHeaders(cluster.Node{ID: "b"}, "/path") {
			ctx.Request.Header.Set(h.Name, h.Value)
		}
		_, found, err := at("b", x.verifies).Verify(&ctx)
		if !found || !errors.Is(err, x.want) {
			t.Errorf("signed at %v, verified at %v: %v, %v", x.signs, x.verifies, found, err)
		}
	}
}
