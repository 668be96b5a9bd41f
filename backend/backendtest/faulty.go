package backendtest

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Faulty is an HTTP proxy in front of an S3 store that behaves as badly as it is
// told to. What it is not told to bend it passes on as it came, byte for byte,
// Host included, so that signatures hold.
type Faulty struct {
	URL      string // that clients are given for the store's
	upstream *url.URL
	client   *http.Client

	mu     sync.Mutex // guards the rest
	server *http.Server
	faults []*fault
	log    []Request
	stop   chan struct{} // closed when the server goes down
}

// Fault is something that goes wrong. The zero value matches every request, and
// does nothing to it.
type Fault struct {
	// Which requests.
	Method string // "" is any
	Path   string // that the path contains, such as /bucket/key, as sent
	Query  string // that the query contains, such as uploads or partNumber=2
	Ranged bool   // only those with a Range header
	Skip   int    // matching requests that are let pass first
	Times  int    // how often it happens; 0 is always

	// What happens to them.
	Delay  time.Duration // before anything else
	Status int           // is answered, with Code, and the store not asked
	Code   string
	Rate   int    // bytes a second of the body
	After  int64  // bytes of the body that pass before Hang, Reset and Flip
	Hang   bool   // nothing more comes; where After is 0, the store is not asked
	Reset  bool   // the connection is reset; where After is 0, the store did what it was asked
	Flip   bool   // a bit of the byte is another
	Length int64  // added to the answer's Content-Length
	ETag   string // the answer's, with quotes
	Upload bool   // Rate, After and Reset are of the request's body, not the answer's
}

type fault struct {
	Fault
	seen, done int
}

// Request is one that came through.
type Request struct {
	Method, Path, Query, Range string
	Status                     int   // answered; 0 where there was no answer
	Sent                       int64 // bytes of the answer's body
}

// NewFaulty starts a proxy on a free port of this machine in front of the store at
// upstream, a URL without a path.
func NewFaulty(upstream string) (*Faulty, error) {
	u, err := url.Parse(upstream)
	if err != nil {
		return nil, err
	}
	f := &Faulty{upstream: u, URL: "http://127.0.0.1:0", client: &http.Client{
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64, ExpectContinueTimeout: time.Second, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	return f, f.Up()
}

// Up makes the proxy listen again, where it did before.
func (f *Faulty) Up() error {
	listener, err := net.Listen("tcp", strings.TrimPrefix(f.URL, "http://"))
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.URL, f.stop = "http://"+listener.Addr().String(), make(chan struct{})
	stop := f.stop
	f.server = &http.Server{ReadHeaderTimeout: time.Minute, ConnState: narrow, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.serve(w, r, stop) })}
	go func(s *http.Server) { _ = s.Serve(listener) }(f.server)
	return nil
}

// narrow keeps the kernel from taking megabytes of an upload that is to be slow.
func narrow(c net.Conn, state http.ConnState) {
	if tcp, ok := c.(*net.TCPConn); ok && state == http.StateNew {
		_ = tcp.SetReadBuffer(256 << 10)
	}
}

// Down makes the proxy refuse connections, and breaks those that it has.
func (f *Faulty) Down() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.server != nil {
		close(f.stop)
		_ = f.server.Close()
		f.server = nil
	}
}

// Close ends the proxy.
func (f *Faulty) Close() {
	f.Down()
	f.client.CloseIdleConnections()
}

// Inject adds a fault; remove ends it. Of those that match a request the first
// that was added happens.
func (f *Faulty) Inject(what Fault) (remove func()) {
	added := &fault{Fault: what}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, added)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for i, known := range f.faults {
			if known == added {
				f.faults = append(f.faults[:i:i], f.faults[i+1:]...)
				return
			}
		}
	}
}

// Clear ends all faults, and forgets the requests.
func (f *Faulty) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults, f.log = nil, nil
}

// Requests returns the requests of that method ("" is any) whose path contains
// path, in the order in which they ended, and how many bytes they were sent.
func (f *Faulty) Requests(method, path string) (matching []Request, sent int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.log {
		if (method == "" || r.Method == method) && strings.Contains(r.Path, path) {
			matching = append(matching, r)
			sent += r.Sent
		}
	}
	return matching, sent
}

// pick returns what happens to a request.
func (f *Faulty) pick(r *http.Request, path string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, known := range f.faults {
		if known.Method != "" && known.Method != r.Method || !strings.Contains(path, known.Path) ||
			!strings.Contains(r.URL.RawQuery, known.Query) || known.Ranged && r.Header.Get("Range") == "" {
			continue
		}
		if known.seen++; known.seen <= known.Skip || known.Times > 0 && known.done == known.Times {
			continue
		}
		known.done++
		return known.Fault
	}
	return Fault{}
}

func (f *Faulty) serve(w http.ResponseWriter, r *http.Request, stop chan struct{}) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	path, _, _ := strings.Cut(r.RequestURI, "?")
	what := f.pick(r, path)
	noted := Request{Method: r.Method, Path: path, Query: r.URL.RawQuery, Range: r.Header.Get("Range")}
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.log = append(f.log, noted)
	}()
	wait(ctx, what.Delay)
	switch {
	case what.Status != 0:
		noted.Status = what.Status
		refuse(w, r, what)
		return
	case what.Hang && what.After == 0:
		<-ctx.Done()
		panic(http.ErrAbortHandler)
	}
	answer, err := f.ask(ctx, r, path, what)
	if err != nil {
		reset(w)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	if what.Reset && !what.Upload && what.After == 0 {
		reset(w)
		return
	}
	noted.Status = answer.StatusCode
	noted.Sent = pass(ctx, w, answer, what)
}

func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func refuse(w http.ResponseWriter, r *http.Request, what Fault) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(what.Status)
	if r.Method == http.MethodHead {
		return
	}
	body, _ := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: what.Code, Message: "injected"})
	_, _ = w.Write(body)
}

// ask sends the request on.
func (f *Faulty) ask(ctx context.Context, r *http.Request, path string, what Fault) (*http.Response, error) {
	body := io.Reader(r.Body)
	if what.Upload {
		body = &bent{ctx: ctx, from: r.Body, what: what}
	}
	out, err := http.NewRequestWithContext(ctx, r.Method, f.upstream.String(), body)
	if err != nil {
		return nil, err
	}
	out.URL = &url.URL{Scheme: f.upstream.Scheme, Host: f.upstream.Host, Opaque: path, RawQuery: r.URL.RawQuery}
	out.Host, out.Header, out.ContentLength = r.Host, r.Header.Clone(), r.ContentLength
	if r.ContentLength == 0 {
		out.Body = nil
	}
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header.Set("User-Agent", "") // none, rather than Go's
	}
	out.Header.Del("Connection")
	return f.client.Do(out)
}

// pass answers as the store did, but for the fault, and returns how many bytes of
// the body went out.
func pass(ctx context.Context, w http.ResponseWriter, answer *http.Response, what Fault) int64 {
	for name, values := range answer.Header {
		if name != "Connection" {
			w.Header()[name] = values
		}
	}
	if what.ETag != "" {
		w.Header().Set("ETag", what.ETag)
	}
	if answer.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(max(answer.ContentLength+what.Length, 0), 10))
	}
	w.WriteHeader(answer.StatusCode)
	from := io.Reader(answer.Body)
	if what.Length < 0 && answer.ContentLength >= 0 {
		from = io.LimitReader(from, max(answer.ContentLength+what.Length, 0))
	}
	if !what.Upload {
		from = &bent{ctx: ctx, from: from, what: what}
	}
	sent, err := io.Copy(flushing{w, what.Rate > 0 || what.After > 0}, from)
	if err != nil {
		reset(w)
	}
	return sent
}

// flushing sends what is written at once where the body is slow or ends early.
type flushing struct {
	w  http.ResponseWriter
	on bool
}

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if f.on && err == nil {
		err = http.NewResponseController(f.w).Flush()
	}
	return n, err
}

var errReset = errors.New("injected reset")

// bent is a body with a fault.
type bent struct {
	ctx  context.Context
	from io.Reader
	what Fault
	at   int64
}

func (b *bent) Read(p []byte) (int, error) {
	if b.what.Rate > 0 {
		p = p[:min(len(p), max(b.what.Rate/10, 1))]
	}
	left := b.what.After - b.at
	breaks := b.what.Hang || b.what.Reset
	switch {
	case breaks && left <= 0 && b.what.Hang:
		<-b.ctx.Done()
		return 0, errReset
	case breaks && left <= 0:
		return 0, errReset
	case breaks:
		p = p[:min(int64(len(p)), left)]
	}
	n, err := b.from.Read(p)
	if b.what.Flip && left >= 0 && left < int64(n) {
		p[left] ^= 1
	}
	b.at += int64(n)
	if b.what.Rate > 0 {
		wait(b.ctx, time.Duration(n)*time.Second/time.Duration(b.what.Rate))
		if b.ctx.Err() != nil {
			return n, errReset
		}
	}
	return n, err
}

// reset breaks the connection so that the other side hears of it.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// String says what is asked for and answered, for a test's message.
func (r Request) String() string {
	return fmt.Sprintf("%s %s?%s %s → %d, %d bytes", r.Method, r.Path, r.Query, r.Range, r.Status, r.Sent)
}
