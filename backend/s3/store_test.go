package s3

import (
	"os"
	"testing"
	"time"

	"ais/backend"
	"ais/backend/backendtest"
)

// TestStore runs the suite against a store that the environment names, such as
//
//	S3_ENDPOINT=http://127.0.0.1:5000 S3_BUCKET=b AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… go test ./backend/s3 -run TestStore
//
// in a bucket that is there. internal/e2e has stores to run it against.
func TestStore(t *testing.T) {
	name := os.Getenv("S3_BUCKET")
	if name == "" {
		t.Skip("S3_BUCKET names no bucket")
	}
	stores := New(Options{AppID: "ais"})
	defer stores.Close()
	opened, err := stores.Open(backend.Config{Bucket: name, Endpoint: os.Getenv("S3_ENDPOINT"), Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	backendtest.Run(t, func() backend.Backend { return opened })
}
