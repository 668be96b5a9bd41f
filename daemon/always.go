package daemon

import (
	"bytes"

	"ais/api"
)

// Always reports whether a request is served however full the node is, and without
// being counted: what tells of the node, and what other nodes say to it.
func Always(path []byte) bool {
	path, _, _ = bytes.Cut(path, []byte{'?'})
	switch string(path) {
	case "/health", "/metrics", api.PathHealth:
		return true
	}
	return bytes.HasPrefix(path, []byte("/_/"))
}
