package tlsconfig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The names of the files that MakeCertificates writes.
const (
	CAFile   = "ca.pem"
	CAKey    = "ca.key"
	CertFile = "node.pem"
	KeyFile  = "node.key"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	nodeLife      = 365 * 24 * time.Hour
	renewBefore   = 30 * 24 * time.Hour
	clockSlack    = time.Hour // clocks of nodes and clients may differ
)

// MakeCertificates makes, in dir, an authority and a certificate that it signs,
// good for servers and clients at the hosts (names or addresses): what a
// playground or a test needs. What is there already is kept, but for a
// certificate that is about to end or lacks a host, or where renew asks for one.
func MakeCertificates(dir string, hosts []string, now time.Time, renew bool) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	ca, caKey, err := readPair(filepath.Join(dir, CAFile), filepath.Join(dir, CAKey))
	if errors.Is(err, os.ErrNotExist) {
		if ca, caKey, err = makeAuthority(dir, now); err == nil {
			renew = true
		}
	}
	if err != nil {
		return err
	}
	node, _, err := readPair(filepath.Join(dir, CertFile), filepath.Join(dir, KeyFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err == nil && !renew && node.NotAfter.After(now.Add(renewBefore)) && covers(node, hosts) {
		return nil
	}
	return makeNode(dir, hosts, now, ca, caKey)
}

func covers(c *x509.Certificate, hosts []string) bool {
	return !slices.ContainsFunc(hosts, func(h string) bool { return c.VerifyHostname(h) != nil })
}

func makeAuthority(dir string, now time.Time) (*x509.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		Subject:  pkix.Name{CommonName: "AIS test authority"},
		NotAfter: now.Add(authorityLife),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:     true, BasicConstraintsValid: true,
	}
	return sign(dir, CAFile, CAKey, template, nil, key, key, now)
}

func makeNode(dir string, hosts []string, now time.Time, ca *x509.Certificate, caKey crypto.Signer) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "AIS node"},
		NotAfter:    now.Add(nodeLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	_, _, err = sign(dir, CertFile, KeyFile, template, ca, key, caKey, now)
	return err
}

// sign finishes the template, signs it (by itself where ca is nil) and writes it
// and its key.
func sign(dir, certName, keyName string, template, ca *x509.Certificate, key *ecdsa.PrivateKey, by crypto.Signer, now time.Time) (*x509.Certificate, crypto.Signer, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	template.SerialNumber, template.NotBefore = serial, now.Add(-clockSlack)
	if ca == nil {
		ca = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, by)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	if err := writePEM(filepath.Join(dir, keyName), "PRIVATE KEY", secret, 0o600); err != nil {
		return nil, nil, err
	}
	if err := writePEM(filepath.Join(dir, certName), "CERTIFICATE", der, 0o644); err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

// writePEM replaces a file in one step.
func writePEM(name, kind string, der []byte, mode os.FileMode) error {
	var b bytes.Buffer
	if err := pem.Encode(&b, &pem.Block{Type: kind, Bytes: der}); err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", b.Bytes(), mode); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// readPair reads a certificate and its key.
func readPair(certName, keyName string) (*x509.Certificate, crypto.Signer, error) {
	pair, err := tls.LoadX509KeyPair(certName, keyName)
	if err != nil {
		return nil, nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("%s: not a key that signs", keyName)
	}
	return pair.Leaf, key, nil
}
