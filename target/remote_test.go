package target

import (
	"maps"
	"testing"
	"time"

	"ais/backend"
	"ais/object"
)

func TestMetaOf(t *testing.T) {
	remote := &backend.Meta{
		Meta: object.Meta{
			Size: 7, Modified: time.Unix(1e9, 0), ETag: "e-2", StorageClass: "GLACIER_IR", Header: object.Header{ContentType: "text/plain"},
			User: map[string]string{"a": "1", backend.MetaDigestType: "xxhash", backend.MetaDigestValue: "00", "x-amz-meta-" + backend.MetaDigestType: "md5"},
			Sums: []object.Checksum{object.Sum(object.CRC32C, nil)}, Parts: []object.Part{{Number: 1}},
		},
		Version: "v1",
	}
	m := metaOf(remote)
	if m.Size != 7 || !m.Modified.Equal(remote.Modified) || m.ETag != "e-2" || m.StorageClass != "GLACIER_IR" || m.Header != remote.Header || len(m.Sums) != 1 {
		t.Errorf("not the remote's: %+v", m)
	}
	if m.Parts != nil || m.VersionID != "" || m.Checksum.Algorithm != object.NoChecksum {
		t.Errorf("what is not known of a remote object: %+v", m)
	}
	if want := map[string]string{"a": "1"}; !maps.Equal(m.User, want) {
		t.Errorf("user metadata %v", m.User)
	}
	if want := map[string]string{"source": "aws", "ETag": "e-2", "version": "v1"}; !maps.Equal(m.Custom, want) || !fromRemote(&m) {
		t.Errorf("custom %v", m.Custom)
	}
	if len(remote.User) != 4 {
		t.Error("the store's metadata was changed")
	}
	bare := metaOf(&backend.Meta{Meta: object.Meta{User: map[string]string{backend.MetaDigestType: "xxhash"}}})
	if _, ok := bare.Custom["version"]; ok || bare.User != nil {
		t.Errorf("of an object without version and user metadata: %+v", bare)
	}
}
