package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// sinkBuffer is what the bare program copies through.
const sinkBuffer = 256 << 10

// sinkCommand is the bare Go program that PUT is compared with: what a client
// sends is copied from the socket to a file, and nothing else. No digest, no
// sync, no index; one file for each key.
func sinkCommand(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("bench sink", flag.ContinueOnError)
	listen := f.String("listen", "127.0.0.1:9900", "address")
	dir := f.String("dir", "", "where the files go (required)")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		return fmt.Errorf("-dir is missing")
	}
	if err := loopbackOnly(*listen); err != nil {
		return err
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() }) //nolint:errcheck // ends Accept
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		go func() {
			defer c.Close() // the client sees it
			if err := sinkConnection(c, *dir); err != nil {
				fmt.Fprintln(os.Stderr, "bench sink:", err)
			}
		}()
	}
}

func sinkConnection(c net.Conn, dir string) error {
	r := bufio.NewReaderSize(c, 4<<10)
	buf := make([]byte, sinkBuffer)
	for {
		line, err := r.ReadString('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		_, uri, _ := strings.Cut(strings.TrimSpace(line), " ")
		uri, _, _ = strings.Cut(uri, " ")
		length := int64(0)
		for {
			field, err := r.ReadSlice('\n')
			if err != nil {
				return err
			}
			if field = bytes.TrimSpace(field); len(field) == 0 {
				break
			}
			if name, value, _ := bytes.Cut(field, []byte(":")); is(name, "content-length") {
				if length, err = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64); err != nil {
					return err
				}
			}
		}
		if strings.HasPrefix(line, "PUT ") && length > 0 {
			if err := sinkFile(r, c, length, filepath.Join(dir, strings.ReplaceAll(uri, "/", "_")), buf); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return err
		}
	}
}

// sinkFile copies n bytes to a file: what r has buffered first, then the socket.
func sinkFile(r *bufio.Reader, c net.Conn, n int64, name string, buf []byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close() // nothing is synced here
	for n > 0 {
		piece := buf[:min(n, int64(len(buf)))]
		var m int
		if r.Buffered() > 0 {
			m, err = r.Read(piece)
		} else {
			m, err = c.Read(piece)
		}
		if err != nil {
			return err
		}
		if _, err := f.Write(piece[:m]); err != nil {
			return err
		}
		n -= int64(m)
	}
	return nil
}
