package proxy

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	"ais/api"
	"ais/archive"
	"ais/auth"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// A page of a listing with the files in archives may end within an archive. Its token
// is then the archive's name and how many of its files were listed, with a NUL between,
// which no other token has.
const archiveToken = "\x00"

// resumed is where such a listing goes on.
type resumed struct {
	key  string // "" for no archive
	skip int    // files of it that were listed
}

func (r resumed) token() string { return r.key + archiveToken + strconv.Itoa(r.skip) }

// resumeArchive reads the list's token, and makes it one of the names that follow the
// archive. The error is of kind Invalid.
func resumeArchive(list *api.ListMessage) (r resumed, err error) {
	key, skip, ok := strings.Cut(list.ContinuationToken, archiveToken)
	if !ok || !list.Has(api.ListArchives) {
		return r, nil
	}
	list.ContinuationToken = key
	r.key = key
	if r.skip, err = strconv.Atoi(skip); err != nil || r.skip < 0 {
		return r, object.E("native.list", "continuation_token", object.Invalid, errors.New("it is not one of this listing"))
	}
	return r, nil
}

// archivesAtOnce is how many archives are asked about at the same time.
const archivesAtOnce = 8

// expandArchives returns the page with the files of each archive that is here after
// it, if who asks may read it: names in it are its content. An object that only its
// name makes an archive is left as it is.
func (p *Proxy) expandArchives(ctx *fasthttp.RequestCtx, b *cluster.Bucket, list api.ListMessage, resume resumed, page api.ListResult) (api.ListResult, error) {
	out := page
	out.Entries = make([]api.Entry, 0, len(page.Entries))
	limit := list.Query().Limit
	e := expansion{p: p, b: b, list: list, limit: limit, out: &out}
	if resume.key != "" && p.mayExpand(ctx, b, resume.key) {
		answer, err := e.ask(resume, limit)
		if err != nil {
			return out, err
		}
		if e.add(resume, answer); out.ContinuationToken != page.ContinuationToken {
			return out, nil
		}
	}
	for at := 0; at < len(page.Entries); {
		next := min(at+archivesAtOnce, len(page.Entries))
		full, err := e.some(ctx, page.Entries[at:next])
		if full || err != nil {
			return out, err
		}
		at = next
	}
	return out, nil
}

// expansion is a page that grows.
type expansion struct {
	p     *Proxy
	b     *cluster.Bucket
	list  api.ListMessage
	limit int
	out   *api.ListResult
}

// some adds entries with the files of those that are archives. full says that the
// page has all that it may.
func (e *expansion) some(ctx *fasthttp.RequestCtx, entries []api.Entry) (full bool, err error) {
	answers, errs := make([]peer.MembersAnswer, len(entries)), make([]error, len(entries))
	var wg sync.WaitGroup
	for i := range entries {
		if _, ok := archive.ByName(entries[i].Name); ok && entries[i].Flags&api.EntryCached != 0 && e.p.mayExpand(ctx, e.b, entries[i].Name) {
			wg.Go(func() { answers[i], errs[i] = e.ask(resumed{key: entries[i].Name}, e.limit-len(e.out.Entries)) })
		}
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return false, err
	}
	for i, entry := range entries {
		if answers[i].Archive {
			entry.Flags |= api.EntryArchive
		}
		e.out.Entries = append(e.out.Entries, entry)
		if e.add(resumed{key: entry.Name}, answers[i]) {
			return true, nil
		}
	}
	return false, nil
}

// add adds files of an archive, and reports whether the page is full; then it goes on
// after what was added.
func (e *expansion) add(from resumed, answer peer.MembersAnswer) bool {
	more := answer.More
	if room := max(e.limit-len(e.out.Entries), 0); len(answer.Members) > room {
		answer.Members, more = answer.Members[:room], true
	}
	for _, m := range answer.Members {
		entry := api.Entry{Name: from.key + "/" + m.Name, Flags: api.EntryCached | api.EntryInArchive}
		if e.list.Wants("size") {
			entry.Size = m.Size
		}
		e.out.Entries = append(e.out.Entries, entry)
	}
	from.skip += len(answer.Members)
	if !more && len(e.out.Entries) < e.limit {
		return false
	}
	e.out.ContinuationToken = from.token()
	return true
}

// ask asks the owner of an archive for files of it.
func (e *expansion) ask(from resumed, limit int) (answer peer.MembersAnswer, err error) {
	err = e.p.asksOwner(e.b, from.key, func(ctx context.Context, node cluster.Node) error {
		return e.p.caller.Ask(ctx, node, peer.PathMembers, peer.MembersRequest{Bucket: e.b.ID, Key: from.key, Skip: from.skip, Limit: max(limit, 1)}, &answer)
	})
	return answer, err
}

// mayExpand reports whether who asks may read the object.
func (p *Proxy) mayExpand(ctx *fasthttp.RequestCtx, b *cluster.Bucket, key string) bool {
	verdict := p.access.DecideHTTP(ctx, "s3:GetObject", b, key, nil)
	if verdict == auth.NeedsObject {
		rules, err := p.objectRules(b, key, "")
		if err != nil {
			return false
		}
		verdict = p.access.DecideHTTP(ctx, "s3:GetObject", b, key, rules)
	}
	return verdict == auth.Allow
}
