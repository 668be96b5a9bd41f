package auth_test

import (
	"testing"

	"ais/auth"
	"ais/cluster"
	"ais/s3api"
)

// TestActionsOfOperations: what the operations ask for is in the table.
func TestActionsOfOperations(t *testing.T) {
	for _, op := range s3api.Ops() {
		if a := op.Action(); a != "" && !auth.KnownAction(a) {
			t.Errorf("%s needs %s, which no policy can name", op, a)
		}
	}
	for _, a := range []string{"s3:GetObjectVersion", "s3:DeleteObjectVersion", "s3:PutObjectVersionAcl", "s3:GetObjectVersionTagging"} {
		if !auth.KnownAction(a) {
			t.Errorf("%s is not known", a)
		}
	}
	if auth.KnownAction("s3:ListObjects") || auth.KnownAction("GetObject") || auth.KnownAction("") {
		t.Error("actions that S3 does not have")
	}
}

func TestBitsAllow(t *testing.T) {
	for _, test := range []struct {
		action string
		bit    cluster.Access
	}{
		{"s3:GetObject", cluster.AccessGet},
		{"s3:GetObjectVersion", cluster.AccessGet},
		{"s3:GetObjectAcl", cluster.AccessHeadObject},
		{"s3:GetObjectTagging", cluster.AccessHeadObject},
		{"s3:PutObject", cluster.AccessPut},
		{"s3:AbortMultipartUpload", cluster.AccessPut},
		{"s3:DeleteObject", cluster.AccessDeleteObject},
		{"s3:DeleteObjectVersion", cluster.AccessDeleteObject},
		{"s3:PutObjectTagging", cluster.AccessUpdateObject},
		{"s3:PutObjectAcl", cluster.AccessUpdateObject},
		{"s3:GetBucketVersioning", cluster.AccessHeadBucket},
		{"s3:ListBucket", cluster.AccessListObjects},
		{"s3:ListBucketVersions", cluster.AccessListObjects},
		{"s3:PutLifecycleConfiguration", cluster.AccessPatch},
		{"s3:PutBucketAcl", cluster.AccessSetBucketACL},
		{"s3:PutBucketPolicy", cluster.AccessSetBucketACL},
	} {
		if !auth.BitsAllow(uint64(test.bit), test.action) || auth.BitsAllow(uint64(cluster.AccessSU&^test.bit), test.action) {
			t.Errorf("%s is not about bit %#x alone", test.action, test.bit)
		}
	}
	ro, rw, su := uint64(cluster.AccessRO), uint64(cluster.AccessRW), uint64(cluster.AccessSU)
	for _, test := range []struct {
		bits   uint64
		action string
		want   bool
	}{
		{ro, "s3:GetObject", true}, {ro, "s3:ListBucket", true}, {ro, "s3:GetBucketLocation", true}, {ro, "s3:PutObject", false}, {ro, "s3:DeleteBucket", false},
		{rw, "s3:PutObject", true}, {rw, "s3:DeleteObject", true}, {rw, "s3:PutBucketPolicy", false}, {rw, "s3:DeleteBucket", false},
		{su, "s3:DeleteBucket", true}, {su, "s3:Unknown", true}, {rw, "s3:Unknown", false},
		{0, "s3:ListAllMyBuckets", true}, {0, "s3:CreateBucket", true}, {0, "s3:GetObject", false},
	} {
		if got := auth.BitsAllow(test.bits, test.action); got != test.want {
			t.Errorf("bits %#x, %s: %v", test.bits, test.action, got)
		}
	}
}
