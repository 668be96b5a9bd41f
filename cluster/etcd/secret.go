package etcd

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
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

// sealer seals ticket keys with the cluster key, bound to the cluster's name.
type sealer struct {
	aead cipher.AEAD
	data []byte // authenticated with what is sealed
	rand io.Reader
}

func newSealer(clusterKey []byte, keys keyspace, random io.Reader) (sealer, error) {
	block, err := aes.NewCipher(clusterKey)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCM(block)
	return sealer{aead: aead, data: []byte(keys.ticketKeys()), rand: random}, err
}

// add returns the value of /ticketkeys with a new key in front.
func (s sealer) add(to sealedKeys, now time.Time) (sealedKeys, error) {
	key := make([]byte, clusterKeySize)
	nonce := make([]byte, s.aead.NonceSize())
	if _, err := io.ReadFull(s.rand, key); err != nil {
		return sealedKeys{}, err
	}
	if _, err := io.ReadFull(s.rand, nonce); err != nil {
		return sealedKeys{}, err
	}
	sealed := s.aead.Seal(nonce, nonce, key, s.data)
	out := sealedKeys{Keys: []sealedKey{{Created: now.UTC(), Sealed: base64.StdEncoding.EncodeToString(sealed)}}}
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
		raw, err := base64.StdEncoding.DecodeString(k.Sealed)
		if err != nil || len(raw) < s.aead.NonceSize() {
			return nil, errors.New("a ticket key is not a sealed one")
		}
		n := s.aead.NonceSize()
		key, err := s.aead.Open(nil, raw[:n], raw[n:], s.data)
		if err != nil {
			return nil, errors.New("the ticket keys cannot be opened: the cluster key is not this cluster's")
		}
		keys = append(keys, key)
	}
	return keys, nil
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
