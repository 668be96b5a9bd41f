package cluster

import (
	"fmt"
	"io"
	"log/slog"
)

// TicketKeys are the keys that tickets are signed with, newest first: the
// newest signs, all verify. They print as "redacted" in text, logs and JSON.
type TicketKeys [][]byte

const redacted = "redacted"

// String returns "redacted".
func (TicketKeys) String() string { return redacted }

// Format writes "redacted" for every verb.
func (TicketKeys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "redacted", so that no JSON has the keys.
func (TicketKeys) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "redacted".
func (TicketKeys) LogValue() slog.Value { return slog.StringValue(redacted) }

// Newest returns the key to sign with; nil if there is none.
func (k TicketKeys) Newest() []byte {
	if len(k) == 0 {
		return nil
	}
	return k[0]
}
