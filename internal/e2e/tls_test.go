package e2e

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// roundTrips are those of the six clients, as a user.
var roundTrips = map[string]func(*testing.T, *Cluster, string){
	"aws":   awsRoundTrip,
	"boto3": botoRoundTripOn,
	"s3cmd": func(t *testing.T, c *Cluster, user string) {
		s3cmdRoundTrip(t, c, user, `--host=$HOST/s3 --host-bucket="$HOST/s3/%(bucket)s"`)
	},
	"rclone":   rcloneRoundTrip,
	"minio-go": minioRoundTrip,
	"sdk-go":   goSDKRoundTrip,
}

// Every client does what it does without, as a user who is not root, over HTTP
// and HTTPS: some send their bodies otherwise there.
func TestClientsWithAuth(t *testing.T) {
	for name, o := range map[string]Options{
		"http":  {Auth: true, Users: "main,alt"},
		"https": {Auth: true, Users: "main,alt", TLS: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := Shared(t, o)
			for client, run := range roundTrips {
				t.Run(client, func(t *testing.T) {
					t.Parallel()
					run(t, c, "main")
				})
			}
		})
	}
}

// HTTPS alone, with the keys that anybody may make up.
func TestClientsOverTLS(t *testing.T) {
	c := Shared(t, Options{TLS: true})
	for _, client := range []string{"aws", "boto3", "minio-go"} {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			roundTrips[client](t, c, "root")
		})
	}
}

// Bodies of all sizes by way of every node: relayed, at the owner itself, copied
// from one target to another.
func TestBodiesOverTLS(t *testing.T) {
	c := Shared(t, Options{TLS: true})
	b := c.Plain().bucket(t)
	for i, size := range []int{0, 1, 4 << 10, 16 << 10, 100_000, 1 << 20, 9<<20 + 1} {
		data, key := random(uint64(i), size), fmt.Sprint("k", size)
		c.Plain().put(t, b, key, data)
		for _, n := range append(c.Names("target"), "proxy1") {
			c.At(t, n).same(t, b, key, data)
			if size > 2 {
				a := c.At(t, n).get(t, b, key, fmt.Sprintf("Range: bytes=1-%d", size-2)).want(t, 206, "")
				if !bytes.Equal(a.body, data[1:size-1]) {
					t.Errorf("%s: a range of %d bytes is wrong", n, size)
				}
			}
		}
		for k := range 4 { // some are on another target
			copied := fmt.Sprint(key, "/copy", k)
			c.Plain().do(t, "PUT", "/"+b+"/"+copied, nil, "x-amz-copy-source: /"+b+"/"+key).want(t, 200, "")
			c.Plain().same(t, b, copied, data)
		}
	}
}

// A redirect is followed to an HTTPS target: by curl, which drops its signature,
// and by the Go SDK, which makes a new one or keeps the proxy's.
func TestRedirectsWithAuth(t *testing.T) {
	for name, useTLS := range map[string]bool{"http": false, "https": true} {
		t.Run(name, func(t *testing.T) {
			c := Shared(t, Options{Auth: true, Users: "main", TLS: useTLS, Redirect: "always"})
			b := c.As(t, "main").bucket(t)
			sh := c.ShellAs(t, "main")
			sh.write(t, "file", random(1, 3<<20))
			sh.run(t, `
			c() { printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" | curl -sSfL --aws-sigv4 aws:amz:us-east-1:s3 -K - "$@"; }
			c -H 'Expect: 100-continue' -T file $ENDPOINT/`+b+`/put
			c $ENDPOINT/`+b+`/put | cmp - file
			c -X DELETE $ENDPOINT/`+b+`/put
			[ "$(curl -sL -o /dev/null -w '%{http_code}' $ENDPOINT/`+b+`/put)" = 403 ]
			`)
			sdk, key, body := c.SDK(t, "main"), aws.String("k"), random(2, 100_000)
			c.plainAt(c.URL(t, "target1")+"/s3", c.Key(t, "main")).put(t, b, *key, body) // the SDK follows with no body
			got, err := sdk.GetObject(ctx(t), &s3.GetObjectInput{Bucket: &b, Key: key})
			if err != nil {
				t.Fatal(err)
			}
			defer got.Body.Close()
			if data, err := io.ReadAll(got.Body); err != nil || !bytes.Equal(data, body) {
				t.Fatal(len(data), err)
			}
			to := c.As(t, "main").get(t, b, "k").want(t, http.StatusTemporaryRedirect, "").header.Get("Location")
			if !strings.HasPrefix(to, c.scheme()+"://") {
				t.Errorf("Location %s", to)
			}
		})
	}
}

// Who is not root, and has no key, gets nothing; who has one sees only its own.
func TestKeysAreChecked(t *testing.T) {
	c := Shared(t, Options{Auth: true, Users: "main,alt"})
	b := c.As(t, "main").bucket(t)
	c.As(t, "main").put(t, b, "k", []byte("v"))
	for name, p := range map[string]plain{
		"anonymous":            c.Anonymous(),
		"another user":         c.As(t, "alt"),
		"at a target":          c.plainAt(c.URL(t, "target1")+"/s3", c.Key(t, "alt")),
		"unsigned at a target": c.plainAt(c.URL(t, "target1")+"/s3", Key{}),
	} {
		for _, x := range []struct{ method, target string }{
			{"GET", "/" + b + "/k"}, {"GET", "/" + b + "/none"}, {"DELETE", "/" + b + "/k"}, {"GET", "/" + b}, {"DELETE", "/" + b}, {"PUT", "/" + b + "/x"},
		} {
			if a := p.do(t, x.method, x.target, nil); a.status != 403 || a.code != "AccessDenied" {
				t.Errorf("%s: %s %s: %v", name, x.method, x.target, a)
			}
		}
	}
	wrong := c.Key(t, "main")
	wrong.Secret += "x"
	c.plainAt(c.Endpoint(), wrong).do(t, "GET", "/"+b+"/k", nil).want(t, 403, "SignatureDoesNotMatch")
	wrong.Access += "x"
	c.plainAt(c.Endpoint(), wrong).do(t, "GET", "/"+b+"/k", nil).want(t, 403, "InvalidAccessKeyId")
	c.As(t, "main").same(t, b, "k", []byte("v"))
}

// The ais command in the name of root and of somebody else; what it prints and
// what nodes log has no secret but the one that was just made.
func TestAdministration(t *testing.T) {
	c := Start(t, Options{Auth: true, Users: "main"})
	sh := c.Shell(t)
	out := sh.run(t, `
	ais auth user add carl --email carl@example.org
	ais auth user ls
	ais auth key add carl --credentials keys --as-profile second
	ais auth user set carl --disabled
	ais auth user show carl
	printf '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}' | ais auth policy set main list -
	ais auth policy show main list
	ais auth policy rm main list
	if ais auth policy set main bad - <keys; then exit 1; fi
	ais auth login --expires 10m
	env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY ais auth user ls --json
	ais auth logout
	if env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY ais auth user ls; then exit 1; fi
	ais auth user rm carl
	[ "$(stat -c %a keys)" = 600 ]
	`)
	wantIn(t, out, `user "carl" added`, "secret key", "disabled", "ListAllMyBuckets", "logged in", `"root": true`, `user "carl" removed`)
	other := c.ShellAs(t, "main")
	denied, err := other.try(t, `ais auth user ls`)
	if err == nil {
		t.Errorf("a user lists users: %s", denied)
	}
	other.run(t, `ais create ais://mine-of-main && ais ls`)
	for user := range c.keys {
		secret := c.Key(t, user).Secret
		for _, n := range c.nodes {
			if strings.Contains(tail(n.log, 1<<20), secret) {
				t.Errorf("the log of %s has the secret of %s", n.name, user)
			}
			if strings.Contains(strings.Join(n.args, " "), secret) {
				t.Errorf("the command line of %s has the secret of %s", n.name, user)
			}
		}
		if strings.Contains(out, secret) {
			t.Errorf("ais printed the secret of %s", user)
		}
	}
	secret := strings.TrimSpace(strings.SplitN(strings.SplitN(out, "secret key", 2)[1], "\n", 2)[0])
	if n := strings.Count(out, secret); n != 1 {
		t.Errorf("the new secret was printed %d times", n)
	}
}

// serial returns the serial number of the certificate that a node serves.
func serial(t *testing.T, c *Cluster, name string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", c.Host(t, name), &tls.Config{RootCAs: c.roots})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// A renewed certificate is served and shown to other nodes without a restart, at
// once after SIGHUP, soon without; requests go on meanwhile.
func TestCertificatesAreReadAgain(t *testing.T) {
	c := Start(t, Options{TLS: true, Targets: 2})
	b := c.Plain().bucket(t)
	for _, signalled := range []bool{true, false} {
		before := serial(t, c, "proxy1")
		if err := c.makeCertificates(); err != nil {
			t.Fatal(err)
		}
		if signalled {
			for _, n := range c.nodes {
				_ = syscall.Kill(n.pid(), syscall.SIGHUP)
			}
		}
		for i, n := range append(c.Names("proxy"), c.Names("target")...) {
			Eventually(t, 20*time.Second, n+" serves the new certificate", func() error {
				key := fmt.Sprint(n, signalled, i)
				c.Plain().put(t, b, key, []byte("v"))
				c.At(t, "target2").same(t, b, key, []byte("v"))
				if serial(t, c, n) == before {
					return fmt.Errorf("still serial number %s", before)
				}
				return nil
			})
		}
	}
}

// Nodes must show a certificate to each other, and to etcd; S3 clients need none.
func TestMutualTLS(t *testing.T) {
	c := Shared(t, Options{TLS: true})
	pair, err := tls.LoadX509KeyPair(c.file("node.pem"), c.file("node.key"))
	if err != nil {
		t.Fatal(err)
	}
	with, without := c.transport(), c.transport()
	with.TLSClientConfig.Certificates = []tls.Certificate{pair}
	defer with.CloseIdleConnections()
	defer without.CloseIdleConnections()
	ask := func(transport *http.Transport, url string) (int, string, error) {
		client := http.Client{Transport: transport, Timeout: 10 * time.Second}
		resp, err := client.Post(url, "", strings.NewReader("{}"))
		if err != nil {
			return 0, "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body), err
	}
	for _, node := range []string{"target1", "proxy1"} {
		if status, body, err := ask(without, c.URL(t, node)+"/_/status"); err != nil || status < 400 || !strings.Contains(body, "certificate") {
			t.Errorf("%s without a certificate: %d %s %v", node, status, body, err)
		}
		if status, body, err := ask(with, c.URL(t, node)+"/_/status"); err != nil || status < 400 || !strings.Contains(body, "ticket") {
			t.Errorf("%s with a certificate and no ticket: %d %s %v", node, status, body, err)
		}
	}
	if _, _, err := ask(without, c.etcd+"/health"); err == nil {
		t.Error("etcd answers who has no certificate")
	}
	if status, body, err := ask(with, c.etcd+"/version"); err != nil {
		t.Errorf("etcd refuses a node: %d %s %v", status, body, err)
	}
	c.Shell(t).run(t, `ais show cluster | grep -c online`) // every node answers every other
}

// HTTP where HTTPS is served is told so; the other way round fails at once.
func TestWrongScheme(t *testing.T) {
	c := Shared(t, Options{TLS: true})
	resp, err := http.Get("http://" + c.Host(t, "proxy1") + "/s3")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != 400 || !strings.Contains(string(body), "https://") {
		t.Errorf("%d %s %v", resp.StatusCode, body, err)
	}
	plain := Shared(t, Options{})
	began := time.Now()
	if _, err := http.Get("https://" + plain.Host(t, "proxy1") + "/s3"); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("HTTPS to a plain port: %v after %s", err, time.Since(began))
	}
}
