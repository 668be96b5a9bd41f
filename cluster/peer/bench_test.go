package peer

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// BenchmarkRelay measures client, gateway and node in one process: what counts
// is the difference to Direct, and the allocations.
func BenchmarkRelay(b *testing.B) {
	for _, size := range []int{0, 4 << 10, 32 << 10, 128 << 10, 1 << 20, 16 << 20} {
		body := bytes.Repeat([]byte("x"), size)
		node := serve(b, func(ctx *fasthttp.RequestCtx) {
			ctx.Response.Header.Set("ETag", `"0123456789abcdef0123456789abcdef"`)
			ctx.Response.Header.Set("x-amz-request-id", "0123456789ABCDEF")
			ctx.Response.Header.Set("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
			ctx.Response.Header.Set("Content-Type", "binary/octet-stream")
			ctx.Response.SetBodyRaw(body)
		})
		gate := gateway(b, newClient(b), node)
		for _, to := range []struct{ name, addr string }{{"direct", node}, {"relay", gate}} {
			b.Run(fmt.Sprintf("%s/%d", to.name, size), func(b *testing.B) {
				c, err := net.Dial("tcp", to.addr)
				if err != nil {
					b.Fatal(err)
				}
				defer c.Close()
				r := bufio.NewReaderSize(c, 64<<10)
				request := []byte("GET /s3/bucket/key%2F..//x HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: bench\r\nAuthorization: AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=0\r\nx-amz-date: 20240101T000000Z\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\r\n")
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.Write(request); err != nil {
						b.Fatal(err)
					}
					discardAnswer(b, r, false)
				}
			})
		}
	}
}

// discardAnswer reads an answer and allocates nothing.
func discardAnswer(b *testing.B, r *bufio.Reader, toHead bool) {
	n := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			b.Fatal(err)
		}
		if len(line) == 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if n, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				b.Fatal(err)
			}
		}
	}
	if toHead {
		return
	}
	if m, err := r.Discard(n); err != nil {
		b.Fatal(m, err)
	}
}

func BenchmarkUpload(b *testing.B) {
	for _, size := range []int{4 << 10, 128 << 10, 10 << 20} {
		node := serve(b, func(ctx *fasthttp.RequestCtx) {
			if _, err := io.Copy(io.Discard, ctx.RequestBodyStream()); err != nil {
				b.Error(err)
			}
		}, func(s *fasthttp.Server) { s.MaxRequestBodySize = 1 << 30 })
		gate := gateway(b, newClient(b), node)
		for _, to := range []struct{ name, addr string }{{"direct", node}, {"relay", gate}} {
			b.Run(fmt.Sprintf("%s/%d", to.name, size), func(b *testing.B) {
				c, err := net.Dial("tcp", to.addr)
				if err != nil {
					b.Fatal(err)
				}
				defer c.Close()
				r := bufio.NewReader(c)
				request := append(fmt.Appendf(nil, "PUT /key HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", size), make([]byte, size)...)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.Write(request); err != nil {
						b.Fatal(err)
					}
					discardAnswer(b, r, false)
				}
			})
		}
	}
}

// TestMain lets the test binary be a gateway or a node in a process of its own,
// so that a benchmark can read what CPU each takes.
func TestMain(m *testing.M) {
	role, arg, _ := strings.Cut(os.Getenv("PEER_TEST_ROLE"), " ")
	switch role {
	case "gateway":
		serveRole(relayTo(New(DefaultConfig()), arg))
	case "node":
		size, err := strconv.Atoi(arg)
		if err != nil {
			panic(err)
		}
		serveRole(fixedAnswer(make([]byte, size)))
	}
	os.Exit(m.Run())
}

// serveRole serves until the standard input ends, after it printed its address.
func serveRole(handler fasthttp.RequestHandler) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	s := &fasthttp.Server{Handler: handler, StreamRequestBody: true, ReadBufferSize: 32 << 10, MaxRequestBodySize: 1 << 30}
	go s.Serve(l) // ends with the process
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func fixedAnswer(body []byte) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		if stream := ctx.RequestBodyStream(); stream != nil {
			io.Copy(io.Discard, stream) // a benchmark
		}
		h := &ctx.Response.Header
		h.Set("ETag", `"0123456789abcdef0123456789abcdef"`)
		h.Set("x-amz-request-id", "0123456789ABCDEF")
		h.Set("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
		h.Set("Content-Type", "binary/octet-stream")
		h.Set("Accept-Ranges", "bytes")
		ctx.Response.SetBodyRaw(body)
	}
}

// startRole starts this binary in a role and returns its process id and address.
func startRole(b testing.TB, role string) (int, string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PEER_TEST_ROLE="+role)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() }) // it exits with 0
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return cmd.Process.Pid, strings.TrimSpace(line)
}

// cpu returns the CPU time a process has used, in microseconds.
func cpu(b *testing.B, pid int) float64 {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		b.Fatal(err)
	}
	total := 0.0
	for _, task := range tasks {
		if data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, task.Name())); err == nil {
			n, _ := strconv.ParseFloat(strings.Fields(string(data))[0], 64)
			total += n / 1e3
		}
	}
	return total
}

// BenchmarkGatewayCPU reports the CPU microseconds that a gateway, and the node
// behind it, take for one request, with 8 clients at once.
func BenchmarkGatewayCPU(b *testing.B) {
	for _, c := range []struct {
		name         string
		method       string
		answer, body int
	}{
		{"HEAD", "HEAD", 4 << 10, 0}, {"GET 4KiB", "GET", 4 << 10, 0}, {"GET 32KiB", "GET", 32 << 10, 0},
		{"GET 64KiB", "GET", 64 << 10, 0}, {"GET 128KiB", "GET", 128 << 10, 0}, {"GET 1MiB", "GET", 1 << 20, 0}, {"GET 64MiB", "GET", 64 << 20, 0},
		{"PUT 4KiB", "PUT", 0, 4 << 10}, {"PUT 128KiB", "PUT", 0, 128 << 10}, {"PUT 10MiB", "PUT", 0, 10 << 20},
	} {
		b.Run(c.name, func(b *testing.B) {
			node, nodeAddr := startRole(b, fmt.Sprintf("node %d", c.answer))
			gate, gateAddr := startRole(b, "gateway "+nodeAddr)
			head := c.method + " /s3/bucket/key HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: bench\r\nAuthorization: AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=0\r\nx-amz-date: 20240101T000000Z\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"
			if c.body > 0 {
				head += fmt.Sprintf("Content-Length: %d\r\n", c.body)
			}
			request := append([]byte(head+"\r\n"), make([]byte, c.body)...)
			startNode, startGate := cpu(b, node), cpu(b, gate)
			b.SetParallelism(4)
			b.RunParallel(func(pb *testing.PB) {
				conn, err := net.Dial("tcp", gateAddr)
				if err != nil {
					b.Error(err)
					return
				}
				defer conn.Close()
				r := bufio.NewReaderSize(conn, 64<<10)
				for pb.Next() {
					if _, err := conn.Write(request); err != nil {
						b.Error(err)
						return
					}
					discardAnswer(b, r, c.method == "HEAD")
				}
			})
			b.ReportMetric((cpu(b, gate)-startGate)/float64(b.N), "gateway-us/op")
			b.ReportMetric((cpu(b, node)-startNode)/float64(b.N), "node-us/op")
		})
	}
}
