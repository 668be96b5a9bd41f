package target

import (
	"context"
	"net/http"

	"ais/api"
	"ais/archive"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// maxMembers is how many files of an archive one answer has at most.
const maxMembers = 10_000

// nodeMembers answers with files of an archive that this target has.
func (t *Target) nodeMembers(ctx *fasthttp.RequestCtx) error {
	req, err := read[peer.MembersRequest](ctx)
	if err != nil {
		return err
	}
	b, err := t.bucketByID(req.Bucket)
	if err != nil {
		return err
	}
	answer, err := t.members(b, object.Name{Bucket: b.ID, Key: req.Key}, req.Skip, min(req.Limit, maxMembers))
	if err != nil {
		return err
	}
	return write(ctx, answer)
}

// members lists files of an archive that is here. One that cannot be read as an
// archive, or is gone, is none.
func (t *Target) members(b *cluster.Bucket, n object.Name, skip, limit int) (answer peer.MembersAnswer, err error) {
	a, err := t.openArchive(b, n, "", func() (*opened, error) { return t.openHere(n, "") })
	if err == nil {
		defer a.Close()
		answer.Archive = true
		err = a.Each(context.Background(), func(m archive.Member, _ func() (*archive.File, error)) (bool, error) {
			if skip > 0 {
				skip--
				return true, nil
			}
			if len(answer.Members) == limit {
				answer.More = true
				return false, nil
			}
			answer.Members = append(answer.Members, peer.Member{Name: m.Name, Size: m.Size})
			return true, nil
		})
	}
	switch object.KindOf(err) {
	case object.Invalid, object.Unsupported, object.NotFound, object.DeleteMarked:
		if err != nil {
			return peer.MembersAnswer{}, nil
		}
	}
	return answer, err
}

// archPath returns the file in an archive that an S3 request names by the query
// parameter archpath; "" for none.
func archPath(c *call) string {
	path, _ := c.r.Query("archpath")
	return path
}

// openMember opens the version that the call names as an archive, and the file in it.
func (t *Target) openMember(c *call, version, path string, cond object.Cond) (*archived, *archive.File, error) {
	if _, ok := c.r.Query("partNumber"); ok {
		return nil, nil, s3api.InvalidRequest.Say("Cannot specify both archpath and partNumber query parameters")
	}
	mime, _ := c.r.Query("archmime")
	a, err := t.openArchive(c.bucket, c.name, mime, func() (*opened, error) { return t.open(c, version) })
	if err != nil {
		return nil, nil, err
	}
	if cond.Any() {
		if err := cond.CheckRead(&a.meta); err != nil {
			a.Close()
			c.r.Validators(&a.meta)
			return nil, nil, err
		}
	}
	f, err := a.Find(context.Background(), path)
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, f, nil
}

// getMember answers GetObject with a file in an archive.
func (t *Target) getMember(c *call, version, path string, cond object.Cond) error {
	a, f, err := t.openMember(c, version, path, cond)
	if err != nil {
		return err
	}
	meta, size := a.meta, f.Size // outlive what was opened
	header := c.r.Header("Range")
	r, partial, err := object.ParseRange(header, size)
	if err != nil {
		f.Close()
		a.Close()
		return s3api.RangeError(header, size)
	}
	if err := t.sendMember(c.r.Ctx(), a, f, r, c.bucket.Props.Checksum.ValidateWarmGet); err != nil {
		return err
	}
	c.showMember(&meta)
	if partial {
		s3api.WriteContentRange(c.r, r, size)
	}
	return nil
}

// headMember answers HeadObject likewise.
func (t *Target) headMember(c *call, path string, cond object.Cond) error {
	version, _, err := c.r.VersionID()
	if err != nil {
		return err
	}
	a, f, err := t.openMember(c, version, path, cond)
	if err != nil {
		return err
	}
	defer a.Close()
	defer f.Close()
	c.showMember(&a.meta)
	c.r.HeadOnly(f.Size)
	return nil
}

// showMember sets the headers that are true of a file in the object m.
func (c *call) showMember(m *object.Meta) {
	c.r.SetHeader("Last-Modified", m.Modified.UTC().Format(http.TimeFormat))
	c.r.SetHeader("Content-Type", api.ContentBinary)
	c.r.SetHeader("Accept-Ranges", "bytes")
	c.showVersion(m)
}
