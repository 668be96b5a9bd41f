package proxy

import (
	"net/http"
	"strings"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/s3api"
)

// servePost answers PostObject: a browser's form becomes a PutObject, which is
// decided about as one and streamed to the owner of its key.
func (p *Proxy) servePost(r *s3api.Request) error {
	b, err := p.s3Bucket(r)
	if err != nil {
		return err
	}
	form, err := s3api.ParsePostForm(r)
	if err != nil {
		return err
	}
	if err := p.identifyForm(r, form); err != nil {
		return err
	}
	headers, err := form.Headers()
	if err != nil {
		return err
	}
	r.BecomePut(form, headers)
	err = p.access.Admit(r, b)
	r.Op = s3api.PostObject // as which it is counted
	if err != nil {
		return err
	}
	answer, err := p.upload(r, b, form, headers)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return s3api.ErrorFrom(answer.Status, answer.Body)
	}
	answer.Headers(func(name, value string) {
		if lower := strings.ToLower(name); lower == "x-amz-version-id" || strings.HasPrefix(lower, "x-amz-checksum-") {
			r.SetHeader(name, value)
		}
	})
	r.WritePost(form, answer.Header("ETag"), r.URL(form.Key))
	return nil
}

// identifyForm finds out who made the form, by the signature of its policy.
func (p *Proxy) identifyForm(r *s3api.Request, form *s3api.PostForm) error {
	if !p.access.On() {
		return nil
	}
	signed, err := p.access.Verifier().VerifyPost(form)
	if err != nil {
		return err
	}
	_, err = p.access.IdentifyForm(r, signed)
	return err
}

// upload sends the file of a form to the target that owns its key.
func (p *Proxy) upload(r *s3api.Request, b *cluster.Bucket, form *s3api.PostForm, headers []s3api.Field) (*peer.Answer, error) {
	u := peer.Upload{Path: form.Target(), Query: s3api.QueryProvider + "=" + string(b.Provider), Body: form.File(), Size: form.Size}
	for _, h := range headers {
		u.Headers = append(u.Headers, peer.Header{Name: h.Name, Value: h.Value})
	}
	var answer *peer.Answer
	err := p.hold(r.Ctx(), func() (again bool, err error) {
		nodes, err := p.candidates(place{bucket: b, key: form.Key}, false)
		if err != nil {
			return true, err
		}
		answer, err = p.caller.Upload(nodes[0], r.ID, p.access.Grant(r.Ctx()), u)
		_, again = peer.Resend(err, false)
		return again, err
	})
	return answer, err
}
