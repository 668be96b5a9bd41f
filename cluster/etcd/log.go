package etcd

import (
	"context"
	"log/slog"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newZap returns a zap logger for an etcd server that writes to log, warnings
// and worse only: at info etcd tells of every step of its start. While quiet
// is true it writes nothing.
func newZap(log *slog.Logger, quiet *atomic.Bool) *zap.Logger {
	return zap.New(slogCore{log: log.With("component", "etcd"), quiet: quiet})
}

type slogCore struct {
	log   *slog.Logger
	quiet *atomic.Bool
}

// harmless reports whether a message of etcd's is no one's business.
func harmless(message string) bool {
	switch message {
	case "Running http and grpc server on single port. This is not recommended for production.":
		return true // only watches of many megabytes would suffer
	case "Failed to detect schema version", "failed to update storage version":
		return true // at the first start, before the first commit; etcd does it again
	}
	return false
}

func (c slogCore) Enabled(level zapcore.Level) bool { return level >= zapcore.WarnLevel }

func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	return slogCore{log: c.log.With(attrs(fields)...), quiet: c.quiet}
}

func (c slogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	quiet := c.quiet.Load() || harmless(e.Message)
	if c.Enabled(e.Level) && !quiet {
		return ce.AddCore(e, c)
	}
	return ce
}

func (c slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	level := slog.LevelWarn
	if e.Level > zapcore.WarnLevel {
		level = slog.LevelError
	}
	c.log.Log(context.Background(), level, e.Message, attrs(fields)...)
	return nil
}

func (c slogCore) Sync() error { return nil }

func attrs(fields []zapcore.Field) []any {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(enc)
	}
	out := make([]any, 0, 2*len(fields))
	for _, f := range fields {
		if value, ok := enc.Fields[f.Key]; ok {
			out = append(out, f.Key, value)
		}
	}
	return out
}
