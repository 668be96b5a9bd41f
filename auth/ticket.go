package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"math"
	"net/netip"
	"sync"
	"time"
)

// Verdict is what a proxy decided about a request.
type Verdict uint8

// The verdicts. The zero value denies, so that nothing is allowed by omission.
const (
	Deny        Verdict = 0
	Allow       Verdict = 1
	NeedsObject Verdict = 2 // the object's ACL or tags decide; the owner finishes it under the same read
)

// String returns "allow", "deny" or "needs-object".
func (v Verdict) String() string {
	switch v {
	case Allow:
		return "allow"
	case NeedsObject:
		return "needs-object"
	}
	return "deny"
}

// Ticket is a proxy's word to a target about one request: who sent it and
// whether they may. Because the target trusts it instead of the client's
// signature (clients keep, drop or re-sign that when they follow a redirect),
// it is good for a short time, at one target, and for one Request only.
type Ticket struct {
	Principal string    // id of a user, or "" for anonymous
	Verdict   Verdict   //
	Expires   time.Time // whole seconds
	Revision  int64     // of the state that was decided by, or an older one; a target that is behind catches up before it answers
	Target    string    // node id
	Facts     Facts     // that a decision may depend on
	Session   string    // policy that bounds the principal's session; "" for none
}

// Facts are what policies ask about a request and only the node knows that the
// client spoke to.
type Facts struct {
	ClientIP netip.Addr    // zero for not known
	TLS      bool          // the client's connection was encrypted
	Scheme   string        // s3:signatureversion: "AWS4-HMAC-SHA256", "AWS"; "" for no signature
	Method   string        // s3:authType: "REST-HEADER", "REST-QUERY-STRING", "POST"; "" likewise
	Age      time.Duration // s3:signatureAge, whole milliseconds; 0 for not known
}

// TicketError says why a ticket is refused. Every one means that the request is
// to be treated as having no ticket, or refused.
type TicketError string

// The reasons. UnknownKey may pass: a target whose state is older than the
// key's catches up and verifies again.
const (
	Malformed   TicketError = "the ticket is malformed"
	UnknownKey  TicketError = "the ticket is signed with a key that is not known here"
	Altered     TicketError = "the ticket is not for this request, or was altered"
	Expired     TicketError = "the ticket has expired"
	OtherTarget TicketError = "the ticket is for another target"
)

// Error returns the reason.
func (e TicketError) Error() string { return string(e) }

// TicketParam is the query parameter that carries a ticket in a redirect. It is
// the one thing in a query that a ticket is not bound to.
const TicketParam = "ais-ticket"

// A ticket is, in URL-safe base64 without padding:
//
//	version (1 byte) · key id (4) · verdict (1) · expiry, Unix seconds (8, big-endian)
//	· revision (uvarint) · target (uvarint length, bytes) · principal (the same)
//	· facts · session (uvarint length, bytes) · HMAC-SHA256 (32) over all before it and the canonical request
//
// Facts are a byte (bit 0: TLS; bits 1–2: scheme; bits 3–4: method, both as
// indexes of their tables), the signature's age (uvarint, ms) and the client's
// address (uvarint length, 0, 4 or 16 bytes).
const (
	ticketVersion = 3
	keyIDLength   = 4
	fixedLength   = 1 + keyIDLength + 1 + 8
	macLength     = sha256.Size

	maxTicket = 4 << 10 // characters; over what Sign makes of legal names and session policies
)

var (
	factSchemes = [4]string{"", "AWS4-HMAC-SHA256", "AWS", "?"}
	factMethods = [4]string{"", "REST-HEADER", "REST-QUERY-STRING", "POST"}
)

func (f Facts) append(buf []byte) []byte {
	var flags byte
	if f.TLS {
		flags = 1
	}
	flags |= indexOf(factSchemes, f.Scheme)<<1 | indexOf(factMethods, f.Method)<<3
	buf = append(buf, flags)
	buf = binary.AppendUvarint(buf, uint64(max(f.Age.Milliseconds(), 0)))
	return appendField(buf, string(f.ClientIP.Unmap().WithZone("").AsSlice()))
}

// indexOf returns the place of text, the last one for a text that has none.
func indexOf(table [4]string, text string) byte {
	for i, s := range table {
		if s == text {
			return byte(i)
		}
	}
	return byte(len(table) - 1)
}

func cutFacts(buf []byte) (f Facts, rest []byte, ok bool) {
	if len(buf) == 0 || buf[0] >= 1<<5 {
		return f, nil, false
	}
	f.TLS, f.Scheme, f.Method = buf[0]&1 != 0, factSchemes[buf[0]>>1&3], factMethods[buf[0]>>3&3]
	age, n := binary.Uvarint(buf[1:])
	if n <= 0 || age > 1<<40 {
		return f, nil, false
	}
	f.Age = time.Duration(age) * time.Millisecond
	ip, rest, ok := cutField(buf[1+n:])
	if !ok || len(ip) == 0 {
		return f, rest, ok
	}
	f.ClientIP, ok = netip.AddrFromSlice(ip)
	return f, rest, ok
}

// Key is a ticket key with what can be computed of it once. It is safe for
// concurrent use and never prints its secret.
type Key struct {
	id   [keyIDLength]byte
	macs sync.Pool // of hash.Hash, keyed
}

// NewKey returns the Key of a secret.
func NewKey(secret []byte) *Key {
	k := &Key{id: keyID(secret)}
	k.macs.New = func() any { return hmac.New(sha256.New, secret) }
	return k
}

// String returns "redacted".
func (*Key) String() string { return "redacted" }

// mac appends the HMAC-SHA256 of message to dst, which may be a part of it.
func (k *Key) mac(dst, message []byte) []byte {
	h := k.macs.Get().(hash.Hash)
	defer k.macs.Put(h)
	h.Reset()
	h.Write(message)
	return h.Sum(dst)
}

// Sign returns the ticket t for the request r as URL-safe text. The key is a
// cluster's newest ticket key.
func Sign(key *Key, t Ticket, r Request) string {
	buf := make([]byte, 0, 512)
	buf = append(buf, ticketVersion)
	buf = append(buf, key.id[:]...)
	buf = append(buf, byte(t.Verdict))
	buf = binary.BigEndian.AppendUint64(buf, uint64(t.Expires.Unix()))
	buf = binary.AppendUvarint(buf, uint64(max(t.Revision, 0)))
	buf = appendField(buf, t.Target)
	buf = appendField(buf, t.Principal)
	buf = t.Facts.append(buf)
	buf = appendField(buf, t.Session)
	n := len(buf)
	message := r.appendCanonical(buf)
	buf = key.mac(message[:n], message)
	return base64.RawURLEncoding.EncodeToString(buf)
}

// Verify returns the ticket in text if it was signed with one of keys for the
// request r, is for the target, and has not expired at now. The error is a
// TicketError.
func Verify(keys []*Key, text string, r Request, target string, now time.Time) (Ticket, error) {
	if len(text) > maxTicket {
		return Ticket{}, Malformed
	}
	raw, err := base64.RawURLEncoding.Strict().AppendDecode(make([]byte, 0, 512), []byte(text))
	if err != nil || len(raw) < fixedLength+macLength || raw[0] != ticketVersion {
		return Ticket{}, Malformed
	}
	body, got := raw[:len(raw)-macLength], [macLength]byte(raw[len(raw)-macLength:])
	t, ok := decode(body)
	if !ok {
		return Ticket{}, Malformed
	}
	key := find(keys, [keyIDLength]byte(body[1:1+keyIDLength]))
	if key == nil {
		return Ticket{}, UnknownKey
	}
	// The mac's place is free now: the canonical request goes there.
	if !hmac.Equal(got[:], key.mac(nil, r.appendCanonical(body))) {
		return Ticket{}, Altered
	}
	switch {
	case t.Target != target:
		return Ticket{}, OtherTarget
	case !now.Before(t.Expires):
		return Ticket{}, Expired
	}
	return t, nil
}

// decode reads the body of a ticket, which must be in the form that Sign writes,
// to the last bit.
func decode(body []byte) (Ticket, bool) {
	rest := body[1+keyIDLength:]
	t := Ticket{Verdict: Verdict(rest[0])}
	seconds := binary.BigEndian.Uint64(rest[1:9])
	if t.Verdict > NeedsObject || seconds > 1<<40 {
		return Ticket{}, false
	}
	t.Expires = time.Unix(int64(seconds), 0).UTC()
	revision, n := binary.Uvarint(rest[9:])
	if n <= 0 || revision > math.MaxInt64 {
		return Ticket{}, false
	}
	t.Revision = int64(revision)
	rest = rest[9+n:]
	target, rest, ok1 := cutField(rest)
	principal, rest, ok2 := cutField(rest)
	facts, rest, ok3 := cutFacts(rest)
	session, rest, ok4 := cutField(rest)
	if !ok1 || !ok2 || !ok3 || !ok4 || len(rest) != 0 {
		return Ticket{}, false
	}
	t.Target, t.Principal, t.Facts, t.Session = string(target), string(principal), facts, string(session)
	return t, true
}

// keyID names a key without telling anything of it, so that a ticket of a key
// that has not arrived yet is told from a forged one.
func keyID(key []byte) [keyIDLength]byte {
	var in [64]byte
	buf := append(append(in[:0], "ais ticket key id\x00"...), key...)
	sum := sha256.Sum256(buf)
	return [keyIDLength]byte(sum[:keyIDLength])
}

func find(keys []*Key, id [keyIDLength]byte) *Key {
	for _, key := range keys {
		if key.id == id {
			return key
		}
	}
	return nil
}

func appendField(buf []byte, s string) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(s)))
	return append(buf, s...)
}

func cutField(buf []byte) (field, rest []byte, ok bool) {
	length, n := binary.Uvarint(buf)
	if n <= 0 || length > uint64(len(buf)-n) {
		return nil, nil, false
	}
	return buf[n : n+int(length)], buf[n+int(length):], true
}
