package load

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ais/object"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"
)

func bounded(requests int) *Limiter {
	return New(Config{MaxRequests: requests, MaxBytes: 1 << 40, MaxWaiting: 2 * requests, MaxWait: time.Second})
}

// ask asks for admission of a request that was sent on so often.
func ask(l *Limiter, from string, hops int) (*fasthttp.RequestCtx, error) {
	ctx := new(fasthttp.RequestCtx)
	return ctx, l.Admit(ctx, []byte(from), func() int { return hops })
}

// fill has from take all that it gets at once.
func fill(t *testing.T, l *Limiter, from string, hops int) (taken []*fasthttp.RequestCtx) {
	t.Helper()
	for {
		s := &slot{limiter: l, cost: baseCost, hops: hops}
		if !l.enter(s, []byte(from)) {
			return taken
		}
		ctx := new(fasthttp.RequestCtx)
		ctx.SetUserValue(slotKey{}, s)
		taken = append(taken, ctx)
	}
}

// A client that takes all it can leaves room for the next, and each of k clients that
// do has as much as the others.
func TestShares(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, k := range []int{1, 2, 5, 20} {
		l := bounded(900)
		taken := make([][]*fasthttp.RequestCtx, k)
		for i := range k { // the first takes the most
			taken[i] = fill(t, l, fmt.Sprint("client ", i), 0)
		}
		for range 700 * k { // requests end, and everybody wants the place
			if i := random.IntN(k); len(taken[i]) > 0 {
				at := random.IntN(len(taken[i]))
				taken[i][at].ResetUserValues()
				taken[i] = slices.Delete(taken[i], at, at+1)
			}
			for _, i := range random.Perm(k) {
				taken[i] = append(taken[i], fill(t, l, fmt.Sprint("client ", i), 0)...)
			}
		}
		fair := 900 * share / (k*share + 1)
		for i := range k {
			if n := len(taken[i]); n > fair+fair/10+1 || n < fair-fair/10-1 {
				t.Errorf("%d clients: one has %d places, a fair share is %d", k, n, fair)
			}
		}
		if _, err := ask(l, "another", 0); err != nil {
			t.Errorf("after %d clients another is refused: %v", k, err)
		}
	}
}

// Ten times as many requests as there are places, of one client: another one, with a
// request at a time, is served at once, however long the first one's take.
func TestLightClientBesideHeavy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bounded(90)
		const takes = 100 * time.Millisecond
		var mu sync.Mutex
		served, refused := 0, 0
		var all sync.WaitGroup
		stop := make(chan struct{})
		for range 900 {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					ctx, err := ask(l, "heavy", 0)
					mu.Lock()
					if err == nil {
						served++
					} else {
						refused++
					}
					mu.Unlock()
					if err == nil {
						time.Sleep(takes)
						ctx.ResetUserValues()
					} else if errors.Is(err, object.Busy) {
						time.Sleep(takes) // as an SDK does
					} else {
						t.Error(err)
					}
				}
			})
		}
		time.Sleep(time.Second)
		for range 50 {
			began := time.Now()
			ctx, err := ask(l, "light", 0)
			if err != nil || time.Since(began) > 0 {
				t.Fatalf("the light client: %v after %v", err, time.Since(began))
			}
			time.Sleep(takes)
			ctx.ResetUserValues()
		}
		close(stop)
		all.Wait()
		// 60 places, 60 rounds of 100 ms.
		if served < 3000 || refused < 1000 {
			t.Errorf("the heavy client: %d served, %d refused", served, refused)
		}
		if n, _ := l.Idle(); n != 0 || len(l.clients) > 2 || l.used != (amount{}) || l.waits != 0 {
			t.Errorf("left: %d served, %v, %d wait", n, l.used, l.waits)
		}
	})
}

// Who waits is served in turn with the other clients, not after all that came before.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bounded(10)
		var taken []*fasthttp.RequestCtx
		for i := range 10 { // each a client of its own: there is nothing left
			ctx, err := ask(l, fmt.Sprint(i), 0)
			if err != nil {
				t.Fatal(err)
			}
			taken = append(taken, ctx)
		}
		order := make(chan string, 10)
		for _, from := range []string{"a", "a", "a", "a", "b"} {
			go func() {
				if _, err := ask(l, from, 0); err == nil {
					order <- from
				}
			}()
			synctest.Wait()
		}
		for i, want := range []string{"a", "b", "a"} {
			taken[i].ResetUserValues()
			if got := <-order; got != want {
				t.Errorf("place %d went to %s, not %s", i, got, want)
			}
		}
		taken[3].ResetUserValues() // of one that is left "a" has its share
		synctest.Wait()
		if len(order) > 0 {
			t.Error("the last place was given to who has two already")
		}
		if ctx, err := ask(l, "new", 0); err != nil {
			t.Errorf("the last place: %v", err)
		} else {
			defer ctx.ResetUserValues()
		}
		began := time.Now()
		if _, err := ask(l, "c", 0); !errors.Is(err, object.Busy) || time.Since(began) != time.Second {
			t.Errorf("without a place: %v after %v", err, time.Since(began))
		}
		synctest.Wait()
		if l.waits != 0 {
			t.Errorf("%d wait", l.waits)
		}
	})
}

// A request that another node has sent on has room that clients, and requests of fewer
// hops, cannot take: else two nodes could wait for each other.
func TestRoomOfHops(t *testing.T) {
	l := bounded(100)
	for hops := range maxHops + 1 {
		for i := range 40 {
			fill(t, l, fmt.Sprint("client ", i), hops)
		}
		if hops == maxHops {
			break
		}
		ctx, err := ask(l, "any", hops+1)
		if err != nil {
			t.Fatalf("hop %d: %v", hops+1, err)
		}
		ctx.ResetUserValues()
	}
}

// Memory is shared as requests are: those with a body are charged for their buffers.
func TestMemory(t *testing.T) {
	l := New(Config{MaxRequests: 1000, MaxBytes: 10 * (baseCost + bodyCost), MaxWait: 0})
	taken := 0
	for {
		ctx := new(fasthttp.RequestCtx)
		ctx.Request.Header.SetContentLength(1 << 20)
		if err := l.Admit(ctx, []byte("heavy"), func() int { return 0 }); err != nil {
			break
		}
		if taken++; taken > 10 {
			t.Fatal("more than ten bodies")
		}
	}
	if taken < 6 {
		t.Errorf("%d bodies", taken)
	}
	if _, err := ask(l, "light", 0); err != nil {
		t.Errorf("a small request beside them: %v", err)
	}
}

// A request that waits for 100 Continue is admitted once.
func TestAdmittedOnce(t *testing.T) {
	l := bounded(1)
	ctx, err := ask(l, "a", 0)
	if err == nil {
		err = l.Admit(ctx, []byte("a"), func() int { return 0 })
	}
	if n, _ := l.Idle(); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	_, changed := l.Idle()
	ctx.ResetUserValues()
	<-changed
	if n, _ := l.Idle(); n != 0 {
		t.Errorf("%d are served", n)
	}
}

func BenchmarkAdmit(b *testing.B) {
	l := bounded(1024)
	from := []byte("user somebody")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		ctx := new(fasthttp.RequestCtx)
		for pb.Next() {
			if l.Admit(ctx, from, func() int { return 0 }) != nil {
				b.Fail()
			}
			ctx.ResetUserValues()
		}
	})
}

// A node keeps as many connections as have their buffers in its memory, and no more: the
// next one is told so, and accepted once another one has ended.
func TestConnections(t *testing.T) {
	l := New(Config{MaxRequests: 1, MaxBytes: 6 * baseCost, MaxWaiting: 1, MaxWait: time.Second})
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("ok") }, Logger: quiet{}}
	l.Bound(server)
	listener := fasthttputil.NewInmemoryListener()
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	connect := func() (net.Conn, int) {
		c, err := listener.Dial()
		if err != nil {
			t.Fatal(err)
		}
		go io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n") // one that is refused reads nothing
		var answer fasthttp.Response
		if err := answer.Read(bufio.NewReader(c)); err != nil {
			t.Fatal(err)
		}
		return c, answer.StatusCode()
	}
	var idle []net.Conn
	for i := range 6 {
		c, status := connect()
		if idle = append(idle, c); status != 200 {
			t.Fatalf("connection %d: %d", i+1, status)
		}
	}
	if c, status := connect(); status != 503 {
		t.Errorf("connection 7: %d", status)
	} else {
		c.Close()
	}
	idle[0].Close()
	for end := time.Now().Add(10 * time.Second); ; {
		c, status := connect()
		c.Close()
		if status == 200 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a connection that has ended leaves no room")
		}
	}
	for _, c := range idle[1:] {
		c.Close()
	}
	if err := server.Shutdown(); err != nil {
		t.Error(err)
	}
	<-done
}

// quiet logs nothing.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
