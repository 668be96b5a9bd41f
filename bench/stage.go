package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stage is all that a comparison starts and must end: a cluster, nginx, the bare
// program.
type stage struct {
	o       *options
	dir     string
	ais     endpoint
	servers []process // of AIS
	closers []func() error
}

func newStage(ctx context.Context, o *options) (s *stage, err error) {
	s = &stage{o: o, dir: absolute(o.dir)}
	defer func() {
		if err != nil {
			s.close() //nolint:errcheck // the first error is the one to tell
		}
	}()
	if _, err := os.Stat(s.dir); err == nil {
		return s, fmt.Errorf("%s exists: remove what a run before left", s.dir)
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return s, err
	}
	s.closers = append(s.closers, func() error { return os.RemoveAll(s.dir) })
	url, pidfile := o.url, o.pidfile
	if url == "" {
		url, pidfile = fmt.Sprintf("http://localhost:%d/s3", o.port), filepath.Join(s.dir, "playground/run/*.pid")
		if err := s.playground(ctx, "up", "--port", strconv.Itoa(o.port)); err != nil {
			return s, err
		}
		s.closers = append(s.closers, func() error { return s.playground(context.WithoutCancel(ctx), "down") })
	}
	if s.ais, err = parseEndpoint(url, "bench"); err != nil {
		return s, err
	}
	if err := loopbackOnly(s.ais.host); err != nil {
		return s, err
	}
	s.servers, err = findProcesses("", pidfile, "")
	return s, err
}

// close ends everything in the reverse order.
func (s *stage) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (s *stage) playground(ctx context.Context, verb string, flags ...string) error {
	args := append([]string{verb, "--dir", filepath.Join(s.dir, "playground")}, flags...)
	cmd := exec.CommandContext(ctx, s.o.playground, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}

// start runs a server until the stage closes, once it accepts on the address.
func (s *stage) start(ctx context.Context, addr, name string, args ...string) ([]process, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		cmd.Wait() //nolint:errcheck // it ends by our signal
		return nil
	})
	for end := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close() // only tried
			break
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return nil, fmt.Errorf("%s does not listen: %w", name, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return findProcesses(strconv.Itoa(cmd.Process.Pid), "", "")
}

// freeAddress returns a loopback address that nothing listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close() //nolint:errcheck // only asked for its address
	return l.Addr().String(), nil
}

const nginxConfig = `daemon off;
worker_processes 1;
%spid %[2]s/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  keepalive_timeout 600;
  default_type binary/octet-stream;
  client_body_temp_path %[2]s/body;
  proxy_temp_path %[2]s/proxy;
  fastcgi_temp_path %[2]s/fastcgi;
  uwsgi_temp_path %[2]s/uwsgi;
  scgi_temp_path %[2]s/scgi;
  server { listen %[3]s; root %[2]s/root; }
}
`

// nginx starts nginx on a directory that has a file for every key of the loads.
func (s *stage) nginx(ctx context.Context, loads []load) (endpoint, []process, error) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			return endpoint{}, nil, fmt.Errorf("nginx is missing (Debian: nginx-light): %w", err)
		}
	}
	addr, err := freeAddress()
	if err != nil {
		return endpoint{}, nil, err
	}
	dir := filepath.Join(s.dir, "nginx")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return endpoint{}, nil, err
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n"
	}
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nginxConfig, user, dir, addr), 0o644); err != nil {
		return endpoint{}, nil, err
	}
	random := rand.NewChaCha8([32]byte{1})
	for _, l := range loads {
		body := make([]byte, l.size)
		random.Read(body) //nolint:errcheck // cannot fail
		for i := range l.objects {
			name := filepath.Join(dir, "root/files", l.key(i))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return endpoint{}, nil, err
			}
			if err := os.WriteFile(name, body, 0o644); err != nil {
				return endpoint{}, nil, err
			}
		}
	}
	pids, err := s.start(ctx, addr, path, "-e", "stderr", "-p", dir, "-c", config)
	return endpoint{host: addr, bucket: "files"}, pids, err
}

// sink starts the bare program.
func (s *stage) sink(ctx context.Context) (endpoint, []process, error) {
	addr, err := freeAddress()
	if err != nil {
		return endpoint{}, nil, err
	}
	dir := filepath.Join(s.dir, "sink")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return endpoint{}, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return endpoint{}, nil, err
	}
	pids, err := s.start(ctx, addr, self, "sink", "-listen", addr, "-dir", dir)
	return endpoint{host: addr, bucket: "files"}, pids, err
}

// bucket makes a bucket over S3 and sets properties of it over the native API.
func (s *stage) bucket(ctx context.Context, name, properties string) (endpoint, error) {
	e := s.ais
	e.bucket = name
	return e, e.makeBucket(ctx, properties)
}

// program collects the loads of a comparison.
type program struct {
	stage *stage
	base  load
	list  []*subject
}

func (p *program) load(op operation, bytes size, objects int) load {
	l := p.base
	l.op, l.size, l.objects = op, bytes, objects
	return l
}

func (p *program) add(group, server string, on endpoint, pids []process, l load) *subject {
	l.name = keyName(group)
	one := &subject{group: group, server: server, load: l, on: on, pids: pids}
	p.list = append(p.list, one)
	return one
}

// keyName is a group's name as a part of keys.
func keyName(group string) string {
	return strings.NewReplacer(" ", "-", ",", "").Replace(strings.ToLower(group))
}

// subjects starts the other servers and lists all loads, in the order of a round.
func (s *stage) subjects(ctx context.Context) ([]*subject, error) {
	plain, err1 := s.bucket(ctx, "bench-md5", `{"durability":"process","checksum":{"type":"md5"}}`)
	power, err2 := s.bucket(ctx, "bench-power", `{"durability":"power","checksum":{"type":"md5"}}`)
	xxhash, err3 := s.bucket(ctx, "bench-xxhash", `{"durability":"process","checksum":{"type":"xxhash"},"multipart":{"min_part_size":0}}`)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	p := &program{stage: s, base: load{concurrency: s.o.concurrency, duration: s.o.duration, batch: 100, parts: 1000, maxKeys: 1000}}
	if s.o.wants("GET ") {
		if err := p.gets(ctx, plain); err != nil {
			return nil, err
		}
	}
	p.add("PUT 4KiB", "relayed process", plain, s.servers, p.load(opPut, 4<<10, 1000))
	p.add("PUT 4KiB", "relayed power", power, s.servers, p.load(opPut, 4<<10, 1000))
	if s.o.wants("PUT 10MiB") {
		bare, pids, err := s.sink(ctx)
		if err != nil {
			return nil, err
		}
		large := p.load(opPut, 10<<20, 16)
		p.add("PUT 10MiB", "sink", bare, pids, large)
		p.add("PUT 10MiB", "relayed xxhash", xxhash, s.servers, large)
		p.add("PUT 10MiB", "relayed md5", plain, s.servers, large)
	}
	p.add("HEAD 4KiB", "relayed", plain, s.servers, p.load(opHead, 4<<10, 256))
	p.add("307", "proxy", plain, s.servers, p.load(opRedirect, 4<<10, 256))
	p.add("DELETE 100 keys", "relayed", plain, s.servers, p.load(opMultiDelete, 1<<10, 2000)).once = true
	p.add("COPY 1MiB", "relayed", plain, s.servers, p.load(opCopy, 1<<20, 64))
	complete := p.load(opComplete, 1<<10, 4)
	complete.concurrency = 1
	p.add("COMPLETE 1000 parts", "relayed", xxhash, s.servers, complete).once = true
	page := p.load(opList, 16, s.o.listObjects)
	page.dirs = 100
	p.add("LIST page", "relayed", plain, s.servers, page)
	page.delimiter = "/"
	p.add("LIST page, delimiter", "relayed", plain, s.servers, page)
	err := p.peers()
	return p.list, err
}

// gets adds GETs from nginx, and from AIS directly and relayed.
func (p *program) gets(ctx context.Context, plain endpoint) error {
	direct := plain
	direct.direct = true
	loads := []load{p.load(opGet, 4<<10, 256), p.load(opGet, 128<<10, 256), p.load(opGet, 1<<20, 64), p.load(opGet, 64<<20, 4)}
	for i := range loads {
		loads[i].name = keyName("GET " + loads[i].size.String())
	}
	web, pids, err := p.stage.nginx(ctx, loads)
	if err != nil {
		return err
	}
	for _, l := range loads {
		group := "GET " + l.size.String()
		p.add(group, "nginx", web, pids, l)
		p.add(group, "direct", direct, p.stage.servers, l)
		p.add(group, "relayed", plain, p.stage.servers, l)
	}
	return nil
}

// peers adds the 4 KiB loads on other S3 servers.
func (p *program) peers() error {
	for _, other := range p.stage.o.peers {
		e, err := parseEndpoint(other.url, "bench-peer")
		if err != nil {
			return err
		}
		if err := loopbackOnly(e.host); err != nil {
			return err
		}
		if e.access = other.access; e.access != "" {
			if e.secret, err = secretKey(""); err != nil {
				return err
			}
		}
		pids, err := findProcesses("", "", other.match)
		if err != nil {
			return err
		}
		p.add("GET 4KiB", other.name, e, pids, p.load(opGet, 4<<10, 256))
		p.add("PUT 4KiB", other.name, e, pids, p.load(opPut, 4<<10, 1000))
		p.add("HEAD 4KiB", other.name, e, pids, p.load(opHead, 4<<10, 256))
	}
	return nil
}
