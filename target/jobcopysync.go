package target

import (
	"context"
	"strings"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
)

// dropCopies removes the copies, of names that this target owns, whose object the
// source does not have.
func (t *Target) dropCopies(ctx context.Context, j *job) error {
	source, err := t.jobBucket(j)
	if err != nil {
		return err
	}
	dest, err := t.activeBucket(j.Dest)
	if err != nil {
		return err
	}
	for key, err := range t.sourceNames(ctx, dest)(j.Work.Copy.Prepend + j.Work.Prefix) {
		if err != nil {
			return err
		}
		copied := object.Name{Bucket: dest.ID, Key: key}
		owner, err := t.owner(dest, copied)
		if err != nil {
			return err
		}
		if owner.ID != t.cfg.ID {
			continue
		}
		of := object.Name{Bucket: source.ID, Key: strings.TrimPrefix(key, j.Work.Copy.Prepend)}
		if object.CheckKey(of.Key) != nil {
			continue
		}
		if err := j.did(0, false, t.dropCopy(ctx, j, source, dest, copied, of)); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// dropCopy removes a copy if its object is not there, unless the copy is another by then.
func (t *Target) dropCopy(ctx context.Context, j *job, source, dest *cluster.Bucket, copied, of object.Name) error {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.PeerTimeout)
	defer cancel()
	now, err := t.askStat(ctx, dest, copied)
	if err != nil {
		return unlessChanged(err)
	}
	if _, err := t.askStat(ctx, source, of); err == nil || object.KindOf(err) != object.NotFound {
		return err
	}
	return unlessChanged(t.askDelete(ctx, dest, copied, object.Cond{IfMatch: `"` + now.ETag + `"`}, j.Owner))
}

// askStat returns the metadata of an object, whoever owns it.
func (t *Target) askStat(ctx context.Context, b *cluster.Bucket, n object.Name) (object.Meta, error) {
	node, err := t.owner(b, n)
	if err != nil {
		return object.Meta{}, err
	}
	if node.ID == t.cfg.ID {
		return t.statOf(b, n)
	}
	answer, err := t.caller.AskRaw(ctx, node, peer.PathStat, peer.NameRequest{Bucket: b.ID, Key: n.Key})
	if err != nil {
		return object.Meta{}, err
	}
	return peer.DecodeMeta(answer)
}

// askDelete removes an object, whoever owns it, if cond holds.
func (t *Target) askDelete(ctx context.Context, b *cluster.Bucket, n object.Name, cond object.Cond, owner string) error {
	if owner == b.Owner {
		owner = ""
	}
	node, err := t.owner(b, n)
	if err != nil {
		return err
	}
	if node.ID == t.cfg.ID {
		_, errs := t.DeleteMany(b, []fs.Removal{{Name: n, Cond: cond}}, owner)
		return errs[0]
	}
	var answer peer.DeleteAnswer
	req := peer.DeleteRequest{Bucket: b.ID, Keys: []string{n.Key}, Conds: map[int]object.Cond{0: cond}, Owner: owner}
	if err := t.caller.Ask(ctx, node, peer.PathDelete, req, &answer); err != nil {
		return err
	}
	if text, failed := answer.Failed[0]; failed {
		return object.E("target.delete", n.Key, object.KindFromText(text), nil)
	}
	return nil
}
