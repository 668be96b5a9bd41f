package cluster

import (
	"encoding/base64"
	"encoding/binary"

	"ais/object"
)

// An upload id is, in URL-safe base64: the length of the random part (1 byte),
// the random part, the id of the home target, and the first 4 bytes of a hash
// of all that. The hash tells a mistyped id from a real one; it is no secret,
// for an id alone opens nothing.
const (
	uploadSumLength = 4
	maxUploadID     = 4 * (1 + 255 + MaxNodeID + uploadSumLength) / 3
)

// NewUploadID returns the id of a multipart upload whose home is the target.
// random makes it unique; of more than 255 bytes the first 255 are used.
func NewUploadID(random, targetID string) string {
	if len(random) > 255 {
		random = random[:255]
	}
	raw := make([]byte, 0, 1+len(random)+len(targetID)+uploadSumLength)
	raw = append(raw, byte(len(random)))
	raw = append(raw, random...)
	raw = append(raw, targetID...)
	raw = binary.BigEndian.AppendUint32(raw, uploadSum(raw))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// UploadHome returns the home target of an upload. ok is false for a text that
// NewUploadID did not make with a legal node id.
func UploadHome(id string) (targetID string, ok bool) {
	if len(id) > maxUploadID+2 {
		return "", false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || len(raw) < 1+uploadSumLength {
		return "", false
	}
	body, sum := raw[:len(raw)-uploadSumLength], raw[len(raw)-uploadSumLength:]
	if binary.BigEndian.Uint32(sum) != uploadSum(body) || len(body) < 1+int(body[0]) {
		return "", false
	}
	targetID = string(body[1+int(body[0]):])
	if CheckNodeID(targetID) != nil {
		return "", false
	}
	return targetID, true
}

func uploadSum(raw []byte) uint32 { return uint32(object.HashString(string(raw)) >> 32) }
