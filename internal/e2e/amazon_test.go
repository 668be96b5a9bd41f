package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Requests signed for Amazon's own names, by clients that know nothing else, are
// executed at exactly these, over HTTPS. For the targets of this test Amazon is on
// this machine: their /etc/hosts says so, and a certificate that they trust.
func TestPassThroughAmazonsNames(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give the targets an /etc/hosts of their own")
	}
	t.Parallel()
	const (
		address  = "127.0.0.77"
		regional = "s3.us-west-2.amazonaws.com"
		bucket   = "bucket"
	)
	store := Start(t, Options{Targets: 1, Auth: true, Plain: true, Redirect: "never", S3Domain: regional, ProxyArgs: []string{"--s3-domain", "s3.amazonaws.com"}, TargetArgs: []string{"--s3-domain", "s3.amazonaws.com"}})
	key := store.Key(t, "root")
	store.As(t, "root").do(t, "PUT", "/"+bucket, nil).want(t, 200, "")
	dir := t.TempDir()
	amazon(t, dir, address+":443", store.Host(t, "proxy1"))
	var hosts strings.Builder
	for _, name := range []string{"localhost", regional, bucket + "." + regional, "s3.amazonaws.com", bucket + ".s3.amazonaws.com"} {
		at := address
		if name == "localhost" {
			at = "127.0.0.1"
		}
		fmt.Fprintln(&hosts, at, name)
	}
	c := Start(t, Options{Targets: 2, Plain: true, Hosts: hosts.String(), TargetEnv: []string{"SSL_CERT_FILE=" + filepath.Join(dir, "ca.pem"), "AWS_EC2_METADATA_DISABLED=true"}})
	if err := c.configure("features=S3-Presigned-Request,S3-Signed-Request", "backend.aws.enabled=true", "backend.timeout=5s"); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &customTransport{rt: c.transport(), scheme: "http", gateway: c.Host(t, "proxy1"), inHost: true}}
	sdk := s3.New(s3.Options{HTTPClient: client, Region: "us-west-2", Credentials: credentials.NewStaticCredentialsProvider(key.Access, key.Secret, "")})
	b, k, data := aws.String(bucket), aws.String("test é.txt"), random(1, 200_000)
	if _, err := sdk.PutObject(ctx(t), &s3.PutObjectInput{Bucket: b, Key: k, Body: bytes.NewReader(data)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := sdk.GetObject(ctx(t), &s3.GetObjectInput{Bucket: b, Key: k})
		if err != nil {
			t.Fatal(err)
		}
		if back, err := io.ReadAll(got.Body); err != nil || !bytes.Equal(back, data) {
			t.Errorf("%d bytes, %v", len(back), err)
		}
	}
	// The curl line, for each form of the URL that S3 signs for.
	for _, host := range []string{"https://" + regional, "https://s3.amazonaws.com"} {
		r := Remote{Endpoint: host, Key: key, Region: "us-west-2"}
		for _, inHost := range []bool{true, false} {
			name := fmt.Sprintf("%s-%v", strings.TrimPrefix(host, "https://"), inHost)
			c.Shell(t).run(t, `curl -sS -f -L -X PUT -d 'testing 1 2 3' "$ENDPOINT`+r.presign(t, "PUT", bucket, name, inHost)+`"`)
			store.As(t, "root").same(t, bucket, name, []byte("testing 1 2 3"))
			a := c.Anonymous().do(t, "GET", r.presign(t, "GET", bucket, name, inHost), nil).want(t, 200, "")
			if string(a.body) != "testing 1 2 3" {
				t.Errorf("%s: %v", name, a)
			}
		}
	}
	if got := c.here(t, bucket); len(got) != 5 {
		t.Errorf("here: %q", got)
	}
}

// amazon listens with a certificate for Amazon's names, whose authority it writes
// to ca.pem in dir, and passes what it hears to a node.
func amazon(t *testing.T, dir, address, node string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		DNSNames: []string{"*.s3.us-west-2.amazonaws.com", "s3.us-west-2.amazonaws.com", "*.s3.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com", "*.s3.amazonaws.com", "s3.amazonaws.com"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, own.Public(), own)
	must(err)
	must(os.WriteFile(filepath.Join(dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	listener, err := tls.Listen("tcp", address, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: own}}, NextProtos: []string{"http/1.1"}})
	must(err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				back, err := net.Dial("tcp", strings.Replace(node, "localhost", "127.0.0.1", 1))
				if err != nil {
					return
				}
				defer back.Close()
				go func() {
					_, _ = io.Copy(back, conn)
					_ = back.(*net.TCPConn).CloseWrite()
				}()
				_, _ = io.Copy(conn, back)
			}()
		}
	}()
}
