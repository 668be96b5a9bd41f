package etcd

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ais/cluster"
	"ais/object"
)

// clusterKeySize is the size of the cluster key and of ticket keys, in bytes.
const clusterKeySize = 32

// LoadOrCreateClusterKey reads the cluster key from a file with 64 hexadecimal
// digits. With create a file that is not there is made with a new key,
// readable by its owner only; of several processes that do so at once one
// makes it and the others read it. Errors: NotFound, Invalid, Internal.
func LoadOrCreateClusterKey(path string, create bool) ([]byte, error) {
	const op = "etcd.LoadOrCreateClusterKey"
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !create {
			return nil, object.E(op, path, object.NotFound, errors.New("the cluster key is made by the first proxy; copy it from there"))
		}
		if err = createKeyFile(path); err == nil {
			text, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return nil, object.E(op, path, object.Internal, err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != clusterKeySize {
		return nil, object.E(op, path, object.Invalid, fmt.Errorf("a cluster key is %d hexadecimal digits", 2*clusterKeySize))
	}
	return key, nil
}

// createKeyFile makes the file whole or not at all, and leaves one that is there.
func createKeyFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	key := make([]byte, clusterKeySize)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".cluster-key-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// sealedKeys is the value of /ticketkeys, newest first.
type sealedKeys struct {
	Keys []sealedKey `json:"keys"`
}

type sealedKey struct {
	Created time.Time `json:"created"`
	Sealed  string    `json:"sealed"` // base64 of nonce and AES-256-GCM of the key
}

// keptKeys is how many ticket keys verify: tickets live for minutes, keys for a
// day.
const keptKeys = 2

// sealer seals secrets with the cluster key, each bound to where it is kept.
type sealer struct {
	aead cipher.AEAD
	keys keyspace
	rand io.Reader
}

func newSealer(clusterKey []byte, keys keyspace, random io.Reader) (sealer, error) {
	aead, err := newAEAD(clusterKey)
	return sealer{aead: aead, keys: keys, rand: random}, err
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// errSealed never has what could not be opened.
var errSealed = errors.New("it cannot be opened: it is no secret of this place, or the cluster key is not this cluster's")

// seal returns nonce and AES-256-GCM of plain, bound to where, in base64.
func (s sealer) seal(plain []byte, where string) (string, error) {
	sealed, err := appendSealed(s.aead, s.rand, plain, where)
	return base64.StdEncoding.EncodeToString(sealed), err
}

// unseal is the inverse of seal.
func (s sealer) unseal(text, where string) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errSealed
	}
	return openSealed(s.aead, sealed, where)
}

func appendSealed(aead cipher.AEAD, random io.Reader, plain []byte, where string) ([]byte, error) {
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, err
	}
	return aead.Seal(nonce, nonce, plain, []byte(where)), nil
}

func openSealed(aead cipher.AEAD, sealed []byte, where string) ([]byte, error) {
	n := aead.NonceSize()
	if len(sealed) < n {
		return nil, errSealed
	}
	plain, err := aead.Open(nil, sealed[:n], sealed[n:], []byte(where))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// add returns the value of /ticketkeys with a new key in front.
func (s sealer) add(to sealedKeys, now time.Time) (sealedKeys, error) {
	key := make([]byte, clusterKeySize)
	if _, err := io.ReadFull(s.rand, key); err != nil {
		return sealedKeys{}, err
	}
	sealed, err := s.seal(key, s.keys.ticketKeys())
	if err != nil {
		return sealedKeys{}, err
	}
	out := sealedKeys{Keys: []sealedKey{{Created: now.UTC(), Sealed: sealed}}}
	out.Keys = append(out.Keys, to.Keys[:min(len(to.Keys), keptKeys-1)]...)
	return out, nil
}

// open returns the keys in the value of /ticketkeys.
func (s sealer) open(value []byte) (cluster.TicketKeys, error) {
	var stored sealedKeys
	if err := json.Unmarshal(value, &stored); err != nil {
		return nil, err
	}
	var keys cluster.TicketKeys
	for _, k := range stored.Keys {
		key, err := s.unseal(k.Sealed, s.keys.ticketKeys())
		if err != nil {
			return nil, fmt.Errorf("a ticket key: %w", err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// Seal returns plain so that only a node of this cluster can read it, and only for
// the same purpose: for what clients carry around and bring back.
func (s *Store) Seal(purpose string, plain []byte) ([]byte, error) {
	aead, err := s.tokenAEAD()
	if err != nil {
		return nil, err
	}
	return appendSealed(aead, s.config.Rand, plain, string(s.keys)+purpose)
}

// Unseal is the inverse of Seal. The error does not say why.
func (s *Store) Unseal(purpose string, sealed []byte) ([]byte, error) {
	aead, err := s.tokenAEAD()
	if err != nil {
		return nil, err
	}
	return openSealed(aead, sealed, string(s.keys)+purpose)
}

// tokenAEAD is of a key of its own: how many tokens are made is up to clients, and
// random nonces last only so long.
func (s *Store) tokenAEAD() (cipher.AEAD, error) {
	mac := hmac.New(sha256.New, s.config.ClusterKey)
	mac.Write([]byte("ais tokens"))
	return newAEAD(mac.Sum(nil))
}

// newID returns 16 random bytes in hexadecimal.
func newID(random io.Reader) string {
	var raw [16]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		panic(err) // the system's source never fails
	}
	return hex.EncodeToString(raw[:])
}

// newUUID returns a random UUID, version 4.
func newUUID(random io.Reader) string {
	raw, _ := hex.DecodeString(newID(random))
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}
