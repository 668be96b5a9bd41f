package proxy

import (
	"errors"
	"strings"

	"ais/access"
	"ais/object"
)

// unbuiltActions are what AIStore does with a bucket, and AIS does not, with what
// clients are told.
var unbuiltActions = map[string]string{
	"etl-bck":           "objects are not transformed (ETL) by this version",
	"etl-listrange":     "objects are not transformed (ETL) by this version",
	"ec-encode":         "erasure coding is not supported by this version",
	"make-n-copies":     "copies are not made by an action by this version: set the bucket's properties mirror.enabled and mirror.copies, and each target makes it so",
	"promote":           "files of the targets are not promoted to objects by this version: put them",
	"rechunk":           "objects are not cut into other parts by this version",
	"blob-download":     "the blob downloader is not supported by this version: reads of remote objects are parallel by themselves, and prefetch-listrange brings them here",
	"create-inventory":  "inventories of buckets are not supported by this version",
	"destroy-inventory": "inventories of buckets are not supported by this version",
	"show-inventory":    "inventories of buckets are not supported by this version",
	"check-lock":        "locks of objects are not shown by this version: a read never waits for a write",
}

// unbuiltPaths are the parts of AIStore's API, by what their paths begin with, that AIS
// does not have.
var unbuiltPaths = map[string]string{
	"/v1/download": "the downloader is not supported by this version",
	"/v1/sort":     "dSort is not supported by this version",
	"/v1/etl":      "objects are not transformed (ETL) by this version",
	"/v1/tokens":   "tokens are not revoked by this version: delete the access key or the user that has them",
}

// unbuiltPath refuses a path of a part that AIS does not have.
func unbuiltPath(path string) error {
	for prefix, why := range unbuiltPaths {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return object.E("native", path, object.Unsupported, errors.New(why))
		}
	}
	return nil
}

// unbuilt refuses what the routing table does not have: whoever may not have it anyway
// is told that.
func (p *Proxy) unbuilt(c *nativeCall, route nativeRoute) error {
	call := strings.TrimSpace(route.path + " " + route.selector)
	why, ok := unbuiltActions[route.selector]
	if !ok || route.path != nativePathBucket {
		return unsupported(c.ctx, call)
	}
	if p.access.On() && access.Who(c.ctx).Anonymous() {
		return object.E("native", call, object.Denied, nil)
	}
	b, err := p.named(c.ctx, c.to.Bucket.Provider, c.to.Bucket.Name)
	if err == nil {
		err = p.access.RequireHTTP(c.ctx, "s3:ListBucket", b, "")
	}
	if err != nil {
		return err
	}
	return object.E("native", call, object.Unsupported, errors.New(why))
}
