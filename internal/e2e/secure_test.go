package e2e

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func (c *Cluster) scheme() string {
	if c.o.TLS {
		return "https"
	}
	return "http"
}

// file returns the path of a file of the cluster's certificates.
func (c *Cluster) file(name string) string { return filepath.Join(c.Dir, "tls", name) }

// secure makes what nodes with TLS or Auth need before they start.
func (c *Cluster) secure() error {
	if c.o.Auth {
		c.keys = map[string]Key{"root": {"ROOT" + hex.EncodeToString(random(uint64(os.Getpid())<<32^uint64(time.Now().UnixNano()), 8)), hex.EncodeToString(random(uint64(time.Now().UnixNano()), 16))}}
	}
	if !c.o.TLS {
		return nil
	}
	if err := c.makeCertificates(); err != nil {
		return err
	}
	pem, err := os.ReadFile(c.file("ca.pem"))
	c.roots = x509.NewCertPool()
	if err == nil && !c.roots.AppendCertsFromPEM(pem) {
		err = fmt.Errorf("no certificate in %s", c.file("ca.pem"))
	}
	return err
}

// makeCertificates makes the authority, once, and a new certificate for the nodes.
func (c *Cluster) makeCertificates() error {
	out, err := exec.Command(filepath.Join(binaries(false), "ais"), "tls", "make", filepath.Join(c.Dir, "tls"), "--renew").CombinedOutput()
	if err != nil {
		return fmt.Errorf("ais tls make: %w\n%s", err, out)
	}
	return nil
}

// secureFlags are those of every node.
func (c *Cluster) secureFlags() []string {
	var flags []string
	if c.o.Auth {
		flags = append(flags, "--auth", "on")
	}
	if c.o.TLS {
		flags = append(flags, "--tls-cert", c.file("node.pem"), "--tls-key", c.file("node.key"), "--ca", c.file("ca.pem"), "--client-ca", c.file("ca.pem"))
	}
	return flags
}

// makeUsers makes the users of Options, with the program that people use.
func (c *Cluster) makeUsers() error {
	if !c.o.Auth || c.o.Users == "" {
		return nil
	}
	for name := range strings.SplitSeq(c.o.Users, ",") {
		file := filepath.Join(c.Dir, "credentials-"+name)
		cmd := exec.Command(filepath.Join(binaries(false), "ais"), "auth", "user", "add", name, "--email", name+"@example.com", "--credentials", file)
		cmd.Env = append(cleanEnv(), c.clientEnv("root", c.nodes[0].public())...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("ais auth user add %s: %w\n%s", name, err, out)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var k Key
		for line := range strings.Lines(string(data)) {
			switch what, value, _ := strings.Cut(strings.TrimSpace(line), " = "); what {
			case "aws_access_key_id":
				k.Access = value
			case "aws_secret_access_key":
				k.Secret = value
			}
		}
		c.keys[name] = k
	}
	return nil
}

// Key returns the key of a user: "root", or one of Options.Users. Without Auth
// any key does.
func (c *Cluster) Key(t testing.TB, user string) Key {
	t.Helper()
	k, ok := c.keys[user]
	if c.o.Auth && !ok {
		t.Fatalf("there is no user %s", user)
	}
	if !c.o.Auth {
		return Key{"playground", "playground"}
	}
	return k
}

// clientEnv is the environment in which clients act as a user at a node.
func (c *Cluster) clientEnv(user, host string) []string {
	k, ok := c.keys[user]
	if !ok {
		k = Key{"playground", "playground"}
	}
	env := []string{
		"AWS_ACCESS_KEY_ID=" + k.Access, "AWS_SECRET_ACCESS_KEY=" + k.Secret,
		"AWS_DEFAULT_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
		"AIS_ENDPOINT=" + c.scheme() + "://" + host, "ENDPOINT=" + c.scheme() + "://" + host + "/s3", "HOST=" + host,
	}
	if c.o.TLS {
		ca := c.file("ca.pem")
		return append(env, "AWS_CA_BUNDLE="+ca, "AIS_CLIENT_CA="+ca, "CURL_CA_BUNDLE="+ca, "RCLONE_CA_CERT="+ca, "S3CMD_SSL=--ssl --ca-certs="+ca)
	}
	return append(env, "S3CMD_SSL=--no-ssl")
}

// transport returns one that trusts the cluster's certificates.
func (c *Cluster) transport() *http.Transport {
	t := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true, ExpectContinueTimeout: 5 * time.Second}
	if c.roots != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: c.roots}
	}
	return t
}

// plainAt returns a client of an endpoint that signs with the key, if it has one.
func (c *Cluster) plainAt(endpoint string, k Key) plain {
	p := newPlain(endpoint)
	p.http.Transport, p.key = c.transport(), k
	return p
}

// As returns a client of the first proxy that acts as a user.
func (c *Cluster) As(t testing.TB, user string) plain {
	t.Helper()
	return c.plainAt(c.Endpoint(), c.Key(t, user))
}

// Anonymous returns a client of the first proxy that signs nothing.
func (c *Cluster) Anonymous() plain { return c.plainAt(c.Endpoint(), Key{}) }

// SDK returns an aws-sdk-go-v2 client that acts as a user.
func (c *Cluster) SDK(t testing.TB, user string, more ...func(*s3.Options)) *s3.Client {
	t.Helper()
	k := c.Key(t, user)
	return SDK(c.Endpoint(), append([]func(*s3.Options){func(o *s3.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider(k.Access, k.Secret, "")
		o.HTTPClient = &http.Client{Transport: c.transport()}
	}}, more...)...)
}

// ShellAs is Shell with the keys of a user.
func (c *Cluster) ShellAs(t testing.TB, user string) script {
	t.Helper()
	s := c.Shell(t)
	k := c.Key(t, user)
	s.env = append(s.env, "AWS_ACCESS_KEY_ID="+k.Access, "AWS_SECRET_ACCESS_KEY="+k.Secret)
	return s
}

// sign signs a request with the SDK's own signer. A body that can be read twice is
// signed with its digest, any other is not.
func (k Key) sign(req *http.Request) error {
	if k.Access == "" || req.Header.Get("Authorization") != "" || strings.Contains(req.URL.RawQuery, "X-Amz-Signature=") {
		return nil
	}
	digest := req.Header.Get("X-Amz-Content-Sha256")
	if digest == "" {
		digest = "UNSIGNED-PAYLOAD"
		if h := sha256.New(); req.Body == nil {
			digest = hex.EncodeToString(h.Sum(nil))
		} else if req.GetBody != nil {
			body, err := req.GetBody()
			if err != nil {
				return err
			}
			if _, err := io.Copy(h, body); err != nil {
				return err
			}
			digest = hex.EncodeToString(h.Sum(nil))
		}
		req.Header.Set("X-Amz-Content-Sha256", digest)
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	return signer.SignHTTP(context.Background(), aws.Credentials{AccessKeyID: k.Access, SecretAccessKey: k.Secret}, req, digest, "s3", "us-east-1", time.Now())
}
