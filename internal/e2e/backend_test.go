package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ais/backend"
	"ais/backend/backendtest"
	"ais/backend/s3"
)

// What every Backend promises, kept by that of S3 against servers that others and
// we have written.
func TestBackendConformance(t *testing.T) {
	eachRemote(t, func(t *testing.T, r Remote) {
		for _, variable := range append(r.env(), "AWS_CONFIG_FILE="+filepath.Join(t.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(t.TempDir(), "none"), "AWS_PROFILE=") {
			name, value, _ := strings.Cut(variable, "=")
			t.Setenv(name, value)
		}
		stores := s3.New(s3.Options{AppID: "e2e"})
		b := r.bucket(t)
		backendtest.Run(t, func() backend.Backend {
			opened, err := stores.Open(backend.Config{Bucket: b, Endpoint: r.Endpoint, PathStyle: backend.PathAuto, Timeout: 3 * time.Second, PartSize: 5 << 20})
			if err != nil {
				t.Fatal(err)
			}
			return opened
		})
	})
}
