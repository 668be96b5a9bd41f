package proxy

import "testing"

func TestRedirects(t *testing.T) {
	const (
		boto  = "Boto3/1.43.11 md/Botocore#1.43.11"
		goSDK = "aws-sdk-go-v2/1.47.0 ua/2.1 os/linux"
		s3fs  = "s3fs/1.90 (commit hash unknown; GnuTLS(gcrypt))"
	)
	tests := []struct {
		name string
		mode RedirectMode
		a    asker
		want bool
	}{
		{"Go SDK reads", RedirectAuto, asker{method: "GET", userAgent: goSDK}, true},
		{"Go SDK reads again", RedirectAuto, asker{method: "GET", userAgent: goSDK, retry: retries("attempt=2; max=3")}, false},
		{"Go SDK reads, and says so", RedirectAuto, asker{method: "GET", userAgent: goSDK, retry: retries("attempt=1; max=3")}, true},
		{"Go SDK head is relayed", RedirectAuto, asker{method: "HEAD", userAgent: goSDK}, false},
		{"Go SDK delete is relayed", RedirectAuto, asker{method: "DELETE", userAgent: goSDK}, false},
		{"Go SDK cannot resend a body", RedirectAuto, asker{method: "PUT", userAgent: goSDK, expect: true, body: true}, false},
		{"rclone reads", RedirectAuto, asker{method: "GET", userAgent: "rclone/v1.60.1-DEV"}, true},
		{"browser reads", RedirectAuto, asker{method: "GET", userAgent: "Mozilla/5.0 (X11; Linux x86_64)"}, true},
		{"browser reads for a page of another origin", RedirectAuto, asker{method: "GET", userAgent: "Mozilla/5.0 (X11; Linux x86_64)", page: true}, false},
		{"always, page of another origin", RedirectAlways, asker{method: "GET", userAgent: "Mozilla/5.0", page: true}, true},
		{"boto3 never follows", RedirectAuto, asker{method: "GET", userAgent: boto}, false},
		{"aws CLI never follows", RedirectAuto, asker{method: "GET", userAgent: "aws-cli/1.45.11 md/Botocore#1.43.11"}, false},
		{"s3cmd has no user agent", RedirectAuto, asker{method: "GET"}, false},
		{"minio-go never follows", RedirectAuto, asker{method: "GET", userAgent: "MinIO (linux; amd64) minio-go/v7.4.1"}, false},
		{"curl may not have -L", RedirectAuto, asker{method: "GET", userAgent: "curl/7.88.1"}, false},
		{"s3fs writes with Expect", RedirectAuto, asker{method: "PUT", userAgent: s3fs, expect: true, body: true}, true},
		{"s3fs writes without Expect", RedirectAuto, asker{method: "PUT", userAgent: s3fs, body: true}, false},
		{"client that says it follows, HEAD", RedirectAuto, asker{method: "HEAD", follow: true}, true},
		{"client that says it follows, body announced", RedirectAuto, asker{method: "PUT", follow: true, body: true, expect: true}, true},
		{"client that says it follows, body not announced", RedirectAuto, asker{method: "PUT", follow: true, body: true}, false},
		{"always, boto3", RedirectAlways, asker{method: "PUT", userAgent: boto, body: true}, true},
		{"always, HEAD", RedirectAlways, asker{method: "HEAD"}, true},
		{"never, client that says it follows", RedirectNever, asker{method: "GET", follow: true}, false},
		{"never, Go SDK", RedirectNever, asker{method: "GET", userAgent: goSDK}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := redirects(tt.mode, tt.a); got != tt.want {
				t.Errorf("redirects(%s, %+v) = %v, want %v", tt.mode, tt.a, got, tt.want)
			}
		})
	}
}
