package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ais/api"
)

// logPause is how often new lines are asked for.
const logPause = time.Second

func (a *app) logCommand() *cobra.Command {
	return group("log", "Show and fetch the logs of nodes",
		a.logShowCommand("show NODE"), a.logGetCommand(),
		a.everyNodeCommand("rotate", "Have every node that logs to files begin a new one", api.ActionRotateLogs, "the logs are rotated"))
}

func (a *app) logShowCommand(use string) *cobra.Command {
	var severity string
	var follow bool
	var lines int
	cmd := &cobra.Command{
		Use: use, Short: "Show the newest lines of a node's log",
		Example:           "  ais log show target1 --severity error\n  ais log show proxy1 --follow",
		Args:              args(1, 1, "the node; 'ais show cluster smap' lists them"),
		ValidArgsFunction: a.completeNodeIDs,
		RunE: func(cmd *cobra.Command, given []string) error {
			id, offset := nodeID(given[0]), int64(0)
			for {
				text, next, err := a.client.NodeLog(cmd.Context(), id, severity, offset)
				if err != nil {
					return err
				}
				if offset == 0 && lines > 0 {
					text = lastLines(text, lines)
				}
				offset = next
				if err := a.writeLog(text); err != nil || !follow {
					return err
				}
				if pause(cmd.Context(), logPause) != nil { // interrupted: that is how it ends
					return nil
				}
			}
		},
	}
	cmd.Flags().StringVar(&severity, "severity", "info", "`level` from which on: info, warning or error")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "show new lines as they come")
	cmd.Flags().IntVar(&lines, "lines", 0, "only the last `N` lines of those there are")
	return cmd
}

// lastLines returns the last n lines of text.
func lastLines(text []byte, n int) []byte {
	end := len(text)
	for i := len(text) - 1; i > 0 && n > 0; i-- {
		if text[i-1] == '\n' {
			end = i
			n--
		}
	}
	if n > 0 {
		return text
	}
	return text[end:]
}

// writeLog writes lines of a log for people, or with --json as they are.
func (a *app) writeLog(text []byte) error {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		if a.json {
			out.Write(line)
		} else {
			out.WriteString(a.readable(line))
		}
	}
	_, err := a.out.Write(out.Bytes())
	return err
}

// readable returns a line of JSON as time, level, message and the rest as NAME=VALUE;
// any other line as it is.
func (a *app) readable(line []byte) string {
	dec := json.NewDecoder(bytes.NewReader(line))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return string(line)
	}
	head, rest := map[string]string{}, ""
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return string(line)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return string(line)
		}
		value := string(raw)
		var text string
		if json.Unmarshal(raw, &text) == nil {
			value = text
		}
		switch name := fmt.Sprint(key); name {
		case "time", "level", "msg":
			head[name] = value
		case "node":
		default:
			if strings.ContainsAny(value, " \t\n\"") {
				value = fmt.Sprintf("%q", value)
			}
			rest += " " + name + "=" + value
		}
	}
	at := head["time"]
	if t, err := time.Parse(time.RFC3339Nano, at); err == nil {
		at = t.In(a.zone).Format("2006-01-02 15:04:05.000")
	}
	return fmt.Sprintf("%s %-5s %s%s\n", at, head["level"], head["msg"], rest)
}

func (a *app) logGetCommand() *cobra.Command {
	var severity string
	cmd := &cobra.Command{
		Use: "get NODE|cluster [DIR]", Short: "Fetch all there is of the logs, a .tar.gz for each node",
		Example:           "  ais log get cluster /tmp/logs\n  ais log get target1 - | tar xz",
		Args:              args(1, 2, "the node, or cluster for all"),
		ValidArgsFunction: a.completeNodeIDs,
		RunE: func(cmd *cobra.Command, given []string) error {
			dir := "."
			if len(given) == 2 {
				dir = given[1]
			}
			ids := []string{nodeID(given[0])}
			if given[0] == "cluster" {
				m, err := a.client.ClusterMap(cmd.Context())
				if err != nil {
					return err
				}
				ids = ids[:0]
				for _, nodes := range []map[string]api.Node{m.Proxies, m.Targets} {
					ids = append(ids, slices.Sorted(maps.Keys(nodes))...)
				}
			}
			return a.getLogs(cmd.Context(), ids, severity, dir)
		},
	}
	cmd.Flags().StringVar(&severity, "severity", "info", "`level` from which on: info, warning or error")
	return cmd
}

// getLogs writes the logs of nodes into a directory, or that of one to the output. It
// goes on where a node does not answer, and fails in the end.
func (a *app) getLogs(ctx context.Context, ids []string, severity, dir string) error {
	if dir == "-" {
		if len(ids) > 1 {
			return usagef("the logs of several nodes go to a directory")
		}
		return a.copyLog(ctx, ids[0], severity, a.out)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	var failed error
	for _, id := range ids {
		name := filepath.Join(dir, id+".tar.gz")
		err := a.writeWhole(name, func(w io.Writer) error { return a.copyLog(ctx, id, severity, w) })
		if err == nil {
			err = a.done(map[string]any{"node": id, "file": name}, "log of %s => %s", id, name)
		} else if failed == nil {
			failed = fmt.Errorf("%s: %w", id, err)
		}
		if err != nil && len(ids) > 1 {
			fmt.Fprintf(a.err, "%s: %v\n", id, err)
		}
	}
	return failed
}

func (a *app) copyLog(ctx context.Context, id, severity string, to io.Writer) error {
	archive, err := a.client.NodeLogs(ctx, id, severity)
	if err != nil {
		return err
	}
	defer archive.Close()
	_, err = io.Copy(to, archive)
	return err
}

// writeWhole writes a file that is there only once it is whole.
func (a *app) writeWhole(name string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(name), ".ais-*")
	if err != nil {
		return err
	}
	err = write(file)
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // half of a log is none
	}
	return err
}
