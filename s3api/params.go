package s3api

import (
	"bytes"
)

// params is a set of the query parameters that decide what a request is.
type params uint64

// The parameters. Those below subresources select an operation; a request that
// has one of them is never the plain operation on its bucket or object.
const (
	pACL params = 1 << iota
	pAccelerate
	pAttributes
	pCors
	pDelete
	pEncryption
	pLifecycle
	pLocation
	pLogging
	pNotification
	pObjectLock
	pOwnership
	pPartNumber
	pPolicy
	pPolicyStatus
	pPublicAccessBlock
	pReplication
	pRequestPayment
	pTagging
	pUploadID
	pUploads
	pVersioning
	pVersions
	pWebsite
	pOther // a subresource that S3 knows and this server has no operation for
	pListType

	subresources = pListType - 1 // all of the above but list-type
)

// paramNamed returns the parameter of a name, 0 for one that routing ignores.
func paramNamed(name []byte) params {
	switch string(name) {
	case "acl":
		return pACL
	case "accelerate":
		return pAccelerate
	case "attributes":
		return pAttributes
	case "cors":
		return pCors
	case "delete":
		return pDelete
	case "encryption":
		return pEncryption
	case "lifecycle":
		return pLifecycle
	case "location":
		return pLocation
	case "logging":
		return pLogging
	case "notification":
		return pNotification
	case "object-lock":
		return pObjectLock
	case "ownershipControls":
		return pOwnership
	case "partNumber":
		return pPartNumber
	case "policy":
		return pPolicy
	case "policyStatus":
		return pPolicyStatus
	case "publicAccessBlock":
		return pPublicAccessBlock
	case "replication":
		return pReplication
	case "requestPayment":
		return pRequestPayment
	case "tagging":
		return pTagging
	case "uploadId":
		return pUploadID
	case "uploads":
		return pUploads
	case "versioning":
		return pVersioning
	case "versions":
		return pVersions
	case "website":
		return pWebsite
	case "list-type":
		return pListType
	case "abac", "analytics", "annotation", "intelligent-tiering", "inventory", "legal-hold",
		"metadataConfiguration", "metadataInventoryTable", "metadataJournalTable", "metadataTable",
		"metrics", "renameObject", "restore", "retention", "select", "session", "torrent":
		return pOther
	}
	return 0
}

// scanParams returns the known parameters of a raw query. list-type counts only
// as 2; any other value asks for nothing that S3 has.
func scanParams(query []byte) params {
	var present params
	for name, value := range eachParam(query) {
		p := paramNamed(name)
		if p == pListType && string(value) != "2" {
			continue
		}
		present |= p
	}
	return present
}

// eachParam iterates over a raw query. Names and values are decoded: %XX, and +
// as a space, as S3 does in a query; an escape that is none stays as it is.
// They are valid only until the next iteration.
func eachParam(query []byte) func(yield func(name, value []byte) bool) {
	return func(yield func(name, value []byte) bool) {
		for len(query) > 0 {
			var pair []byte
			pair, query, _ = bytes.Cut(query, []byte{'&'})
			if len(pair) == 0 {
				continue
			}
			name, value, _ := bytes.Cut(pair, []byte{'='})
			if !yield(unescapeParam(name), unescapeParam(value)) {
				return
			}
		}
	}
}

// firstParams is eachParam without what repeats a name: as for a single parameter,
// the first value counts, and it is the one that was decided about.
func firstParams(query []byte) func(yield func(name, value []byte) bool) {
	return func(yield func(name, value []byte) bool) {
		seen := map[string]bool{}
		for name, value := range eachParam(query) {
			if seen[string(name)] {
				continue
			}
			seen[string(name)] = true
			if !yield(name, value) {
				return
			}
		}
	}
}

// findParam returns the first value of a query parameter.
func findParam(query []byte, want string) (value string, present bool) {
	for name, v := range eachParam(query) {
		if string(name) == want {
			return string(v), true
		}
	}
	return "", false
}

// unescapeParam decodes a query name or value; what has no escape is returned as
// it is.
func unescapeParam(s []byte) []byte {
	if bytes.IndexByte(s, '%') < 0 && bytes.IndexByte(s, '+') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			out = append(out, ' ')
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return out
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// unhex returns the value of a hexadecimal digit.
func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
