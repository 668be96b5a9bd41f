package target

import (
	"context"
	"io"
	"net/http"
	"strings"

	"ais/access"
	"ais/auth"
	"ais/backend"
	"ais/backend/signed"
	"ais/cluster"
	"ais/object"
	"ais/s3api"
)

// pass is a request that was signed for S3 itself and is executed there.
type pass struct {
	*call // its bucket is nil where there is none here, and what passes is not kept
	*access.Foreign
	store backend.Config // where it goes
	fresh bool           // the bucket is provisional: it has an id, and is not there yet
}

// passes are the operations that can be passed on. Of the others part would have
// to be done here, in the name of somebody whom nobody here knows.
var passes = map[s3api.Op]func(*Target, *pass) error{
	s3api.PutObject:               (*Target).passPut,
	s3api.GetObject:               (*Target).passGet,
	s3api.HeadObject:              (*Target).passAsItIs,
	s3api.DeleteObject:            (*Target).passChange,
	s3api.CreateMultipartUpload:   (*Target).passAsItIs,
	s3api.UploadPart:              (*Target).passAsItIs,
	s3api.CompleteMultipartUpload: (*Target).passChange,
	s3api.AbortMultipartUpload:    (*Target).passAsItIs,
	s3api.ListParts:               (*Target).passAsItIs,
}

// servePass answers a request that was signed for S3 itself, on the node that owns
// the object; on any where the cluster does not know the bucket.
func (t *Target) servePass(r *s3api.Request, f *access.Foreign) error {
	serve, ok := passes[r.Op]
	if !ok {
		return s3api.NotImplemented.Say(r.Op.String() + " is not among the requests that are passed on to S3 with the client's signature")
	}
	if err := object.CheckKey(r.Key); err != nil {
		return err
	}
	p := pass{call: &call{r: r, bucket: f.Bucket}, Foreign: f}
	own := cluster.RemoteProps{}
	if f.Bucket != nil {
		p.name = object.Name{Bucket: f.Bucket.ID, Key: r.Key}
		home, err := t.owner(f.Bucket, p.name)
		if err != nil {
			return err
		}
		if home.ID != t.cfg.ID {
			return t.forward(r.Ctx(), r.ID, home)
		}
		own = f.Bucket.Props.Remote
	}
	if f.Bucket == nil {
		t.provisional(&p)
		defer t.giveBack(&p)
	}
	p.store = t.remoteConfig(r.Bucket, own)
	started := t.cfg.Now()
	err := serve(t, &p)
	t.metrics.observe(r.Op, t.cfg.Now().Sub(started), err)
	return err
}

// passAgent goes before the client's own User-Agent, where that is not signed: a
// store that redirects the clients that follow is not to redirect this node.
const passAgent = "ais-pass"

// ask is execute, and adds the bucket where that is due.
func (t *Target) ask(p *pass, body io.Reader, size int64, edit func(http.Header)) (*signed.Answer, error) {
	answer, err := t.execute(p, body, size, edit)
	if err == nil && answer.OK() {
		t.learn(p)
	}
	return answer, err
}

// execute sends the request to S3, with body, size bytes of it, and what edit
// changes, which is nothing where that is nil.
func (t *Target) execute(p *pass, body io.Reader, size int64, edit func(http.Header)) (*signed.Answer, error) {
	header := http.Header{}
	p.r.EachHeader(func(name, value string) { header.Add(name, value) })
	if client := header.Get("User-Agent"); !p.Claim.Signs("user-agent") {
		header.Set("User-Agent", strings.TrimSpace(passAgent+" "+client))
	}
	if edit != nil {
		edit(header)
	}
	forms := signed.ParseForms(t.cluster.State().Config.Backend.Presigned)
	answer, err := t.signed.Do(context.Background(), p.store, forms, &signed.Request{
		Method: p.r.Method(), RawKey: p.r.RawKey(), RawQuery: signedQuery(p.r.RawQuery()), Host: p.r.Host(), Header: header,
		AccessKey: p.Claim.AccessKey, Region: p.Claim.Region, Body: body, Size: size,
	})
	t.metrics.passed(p.r.Op, answer)
	return answer, err
}

// signedQuery is the query without what clients and proxies add for this cluster.
func signedQuery(raw string) string {
	raw = auth.WithoutTicket(raw)
	if !strings.Contains(raw, s3api.QueryProvider) {
		return raw
	}
	var kept []string
	for param := range strings.SplitSeq(raw, "&") {
		if name, _, _ := strings.Cut(param, "="); name != s3api.QueryProvider {
			kept = append(kept, param)
		}
	}
	return strings.Join(kept, "&")
}

// passAsItIs passes a request on that changes no object and reads no bytes of one.
func (t *Target) passAsItIs(p *pass) error {
	answer, err := t.ask(p, wireBody(p.r), p.r.WireSize(), nil)
	if err != nil {
		return err
	}
	return p.relay(answer, answer.Body)
}

// wireBody is the body of a request as it came, nil for none.
func wireBody(r *s3api.Request) io.Reader {
	if r.WireSize() == 0 {
		return nil
	}
	return r.Wire()
}

// maxChangeAnswer bounds the answer to a request that ends in few words.
const maxChangeAnswer = 1 << 20

// passChange passes a request on that removes the object, or makes another one of
// what S3 has already. What is kept here of the object goes first, whatever S3 will
// say: it may not be what S3 has if this node dies before it hears the answer.
func (t *Target) passChange(p *pass) error {
	if p.bucket != nil {
		end := t.names.write(p.name)
		defer end()
		if err := t.forget(p); err != nil {
			return err
		}
	}
	answer, err := t.ask(p, wireBody(p.r), p.r.WireSize(), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	whole, err := io.ReadAll(io.LimitReader(answer.Body, maxChangeAnswer)) // it has happened when the answer has ended
	if err != nil {
		return err
	}
	answer.Length = int64(len(whole))
	return p.relay(answer, io.NopCloser(strings.NewReader(string(whole))))
}

// forget removes what is kept here of the object.
func (t *Target) forget(p *pass) error {
	if _, err := t.evict(p.bucket, p.name, nil); err != nil && object.KindOf(err) != object.NotFound {
		return err
	}
	return nil
}

// relay makes S3's answer, with body as its body, that of the request.
func (p *pass) relay(a *signed.Answer, body io.ReadCloser) error {
	ctx := p.r.Ctx()
	resp := &ctx.Response
	if a.Status >= http.StatusBadRequest && p.r.WireSize() != 0 {
		p.r.Drain()
		resp.SetConnectionClose() // nobody knows how much of the body has come
	}
	p.answerHeaders(a)
	switch {
	case ctx.IsHead():
		_ = body.Close() // there is none
		resp.SkipBody = true
		resp.Header.SetContentLength(int(max(a.Length, 0)))
	case a.Status == http.StatusNoContent || a.Status == http.StatusNotModified:
		_ = body.Close() // there is none
	default:
		resp.SetBodyStream(body, int(a.Length))
	}
	return nil
}

// answerHeaders sets the status and headers of S3's answer. The names of its own
// are in lower case, as it sends them.
func (p *pass) answerHeaders(a *signed.Answer) {
	h := &p.r.Ctx().Response.Header
	for name, values := range a.Header {
		switch name {
		case "Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length", "Date", "Trailer", "Upgrade", "Proxy-Authenticate", "Alt-Svc":
			continue
		}
		h.Del(name)
		if strings.HasPrefix(name, "X-Amz-") {
			name = strings.ToLower(name)
		} else if name == "Etag" {
			name = "ETag"
		}
		for _, value := range values {
			h.Add(name, value)
		}
	}
	p.r.Ctx().SetStatusCode(a.Status)
}

// passesOn reports whether a request is sent on to S3.
func (t *Target) passesOn(r *s3api.Request) bool {
	if _, err := t.admit(r.Ctx()); err != nil {
		return false
	}
	f, err := t.access.Foreign(r)
	return f != nil && err == nil
}
