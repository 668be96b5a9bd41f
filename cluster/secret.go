package cluster

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a secret text, such as the secret of an access key. It prints as
// "redacted" in text, logs and JSON; string(s) is the secret itself.
type Secret string

// String returns "redacted".
func (Secret) String() string { return redacted }

// Format writes "redacted" for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "redacted", so that no JSON has the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "redacted".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
