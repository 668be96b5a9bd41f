package daemon

import (
	"bufio"
	"errors"
	"log/slog"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"ais/api"
	"ais/cluster"
	"ais/object"
)

// Config is what a Daemon tells of.
type Config struct {
	ID       string
	State    func() *cluster.State  // the newest snapshot
	Status   func() *api.NodeStatus // but for the tracker, which is filled in here
	Log      *Log                   // nil for none
	Settings map[string]string      // what the node was started with, without secrets
	Registry prometheus.Gatherer
	Logger   *slog.Logger
}

// Daemon answers for one node.
type Daemon struct {
	cfg  Config
	once sync.Once
	quit chan struct{}
}

// New returns a Daemon.
func New(c Config) *Daemon { return &Daemon{cfg: c, quit: make(chan struct{})} }

// Quit returns a channel that is closed when the node is told to end.
func (d *Daemon) Quit() <-chan struct{} { return d.quit }

// End tells the node to end.
func (d *Daemon) End() { d.once.Do(func() { close(d.quit) }) }

// Status returns the node's status, with its tracker.
func (d *Daemon) Status() *api.NodeStatus {
	s := d.cfg.Status()
	s.Tracker = Tracker(d.cfg.Registry)
	return s
}

// RotateLogs begins a new log file.
func (d *Daemon) RotateLogs() error {
	if d.cfg.Log == nil {
		return nil
	}
	return d.cfg.Log.Rotate()
}

// Answer answers GET /v1/daemon?what=…. admin says whether who asks may see the log
// and the settings. Errors: Denied, Invalid, Unsupported.
func (d *Daemon) Answer(ctx *fasthttp.RequestCtx, admin bool) error {
	what := string(ctx.QueryArgs().Peek(api.QueryWhat))
	switch what {
	case api.WhatClusterMap:
		return api.WriteJSON(ctx, api.NewClusterMap(d.cfg.State(), d.cfg.ID))
	case api.WhatBucketMap:
		return api.WriteJSON(ctx, api.NewBucketMap(d.cfg.State()))
	case api.WhatClusterConfig:
		return api.WriteJSON(ctx, api.ConfigProperties(d.cfg.State().Config))
	case api.WhatNode:
		node, _ := api.NodeOf(d.cfg.State(), d.cfg.ID)
		return api.WriteJSON(ctx, node)
	case api.WhatNodeStatus:
		return api.WriteJSON(ctx, d.Status())
	case api.WhatSystem:
		return api.WriteJSON(ctx, api.System())
	case api.WhatMetrics:
		return api.WriteJSON(ctx, MetricKinds(d.cfg.Registry))
	case api.WhatNodeConfig, api.WhatLog:
		if !admin {
			return object.E("daemon", what, object.Denied, errors.New("only an administrator may do that"))
		}
		if what == api.WhatLog {
			return d.answerLog(ctx)
		}
		return api.WriteJSON(ctx, api.NodeConfig{ID: d.cfg.ID, Local: d.cfg.Settings, Inherited: api.ConfigProperties(d.cfg.State().Config)})
	}
	return object.E("native", api.PathDaemon+"?what="+what, object.Unsupported, nil)
}

// answerLog answers with the node's log: its newest lines as text, or with all=true
// everything there is in an archive.
func (d *Daemon) answerLog(ctx *fasthttp.RequestCtx) error {
	query := ctx.QueryArgs()
	severity, err := ParseSeverity(string(query.Peek(api.QuerySeverity)))
	if err != nil {
		return err
	}
	offset, err := parseOffset(string(query.Peek(api.QueryOffset)))
	if err != nil {
		return err
	}
	log := d.cfg.Log
	if log == nil {
		log = NewLog(d.cfg.ID, nil)
	}
	if query.GetBool(api.QueryAllLogs) {
		ctx.SetContentType("application/gzip")
		ctx.Response.SetBodyStreamWriter(func(w *bufio.Writer) {
			if err := log.Archive(w, severity); err != nil && d.cfg.Logger != nil {
				d.cfg.Logger.Warn("the log was not sent to its end", "err", err)
			}
		})
		return nil
	}
	lines, next := log.Tail(offset, severity)
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.Response.Header.Set(api.HeaderLogOffset, strconv.FormatInt(next, 10))
	ctx.SetBody(lines)
	return nil
}

func parseOffset(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, object.E("daemon.Log", api.QueryOffset, object.Invalid, errors.New("the offset is a number of bytes"))
	}
	return n, nil
}
