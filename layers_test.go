// Package ais_test holds the rules of the house that a program can check: which
// package may know which other (docs/design.md has the picture), which module
// has which home, and a few habits.
package ais_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "ais"

// layers says what each package imports of ours. A row ending in /... stands
// for the folders below; "..." allows everything. Every package needs a row.
var layers = map[string][]string{
	"object":              {},
	"cluster":             {"object"},
	"cluster/etcd":        {"cluster", "object"},
	"cluster/peer":        {"cluster", "object", "auth"}, // it signs what it sends with tickets
	"archive":             {"object"},
	"auth":                {"object"},
	"fs":                  {"object"},
	"fs/faultfs":          {"object", "fs"},
	"backend":             {"object"},
	"backend/s3":          {"object", "backend"},
	"backend/signed":      {"object", "backend"},
	"backend/backendtest": {"object", "backend"},
	"s3api":               {"object", "auth"},
	"api":                 {"object", "cluster"},
	"daemon":              {"object", "cluster", "api"},
	"load":                {"object"},
	"access":              {"object", "cluster", "auth", "s3api"},
	"replica":             {"object", "cluster", "cluster/etcd", "cluster/peer", "fs"},
	"target":              {"move", "object", "cluster", "cluster/etcd", "cluster/peer", "auth", "fs", "replica", "backend", "backend/signed", "s3api", "api", "access", "archive", "daemon", "load"},
	"proxy":               {"object", "cluster", "cluster/etcd", "cluster/peer", "auth", "s3api", "api", "access", "archive", "daemon", "load"},
	"move":                {"object", "cluster", "cluster/etcd", "cluster/peer", "fs", "replica"},
	"console":             {},
	"bench":               {},
	"bench/...":           {"bench"},
	"cmd/...":             {"..."},
	"internal/history":    {},
	"internal/loopback":   {},
	"internal/e2e":        {"api", "object", "internal/history"},
}

// homes says which of our packages may import a module (a path prefix).
var homes = map[string][]string{
	"github.com/OneOfOne/xxhash":        {"object"},
	"github.com/minio/crc64nvme":        {"object"},
	"github.com/cockroachdb/pebble":     {"fs", "fs/faultfs"},
	"go.etcd.io":                        {"cluster/etcd"},
	"github.com/anishathalye/porcupine": {"internal/history"},
	"github.com/aws":                    {"backend/s3", "bench", "bench/...", "internal/e2e"},
	"github.com/minio/minio-go":         {"bench", "bench/...", "internal/e2e"},
	"github.com/valyala/fasthttp":       {"s3api", "api", "cluster/peer", "access", "daemon", "load", "proxy", "target", "bench", "bench/...", "cmd/..."},
	"github.com/json-iterator/go":       {"api"},
	"github.com/klauspost/compress":     {"archive"},
	"github.com/pierrec/lz4":            {"archive"},
	"github.com/spf13/cobra":            {"cmd/..."},
	"gopkg.in/yaml.v3":                  {"cmd/..."},
	"gopkg.in/natefinch/lumberjack.v2":  {"daemon"},
	"github.com/golangci/golangci-lint": {},
}

// source is one parsed Go file of ours.
type source struct {
	path, pkg string // both relative to the module, with slashes
	test      bool
	file      *ast.File
}

func sources(t *testing.T, set *token.FileSet) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			hidden := name != "." && strings.HasPrefix(d.Name(), ".")
			if hidden || d.Name() == "testdata" || name == "bin" || name == "tools" {
				return filepath.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" || path.Dir(name) == "." {
			return nil
		}
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{path: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), file: file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no Go files found")
	}
	return all
}

// covers reports whether pattern, a package or a folder ending in /..., is or
// contains pkg.
func covers(pattern, pkg string) bool {
	folder, ok := strings.CutSuffix(pattern, "...")
	return pattern == pkg || ok && strings.HasPrefix(pkg, folder)
}

func within(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, pkg) })
}

// row returns what pkg may import of ours.
func row(pkg string) (allowed []string, ok bool) {
	if allowed, ok = layers[pkg]; ok {
		return allowed, true
	}
	for pattern, allowed := range layers {
		if covers(pattern, pkg) {
			return allowed, true
		}
	}
	return nil, false
}

func imports(s source) []string {
	var paths []string
	for _, spec := range s.file.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// Tests may bring in what they test with, so the import column binds the
// product's own files; the homes of modules bind the tests too.
func TestLayers(t *testing.T) {
	for _, s := range sources(t, token.NewFileSet()) {
		allowed, ok := row(s.pkg)
		if !ok {
			t.Errorf("%s: package %s has no row in layers_test.go: say what it may import", s.path, s.pkg)
			continue
		}
		for _, imported := range imports(s) {
			ours, isOurs := strings.CutPrefix(imported, module+"/")
			if isOurs && !s.test && ours != s.pkg && !within(allowed, ours) {
				t.Errorf("%s: package %s may not import %s", s.path, s.pkg, ours)
			}
		}
	}
}

func TestHomes(t *testing.T) {
	for _, s := range sources(t, token.NewFileSet()) {
		for _, imported := range imports(s) {
			for prefix, packages := range homes {
				if imported != prefix && !strings.HasPrefix(imported, prefix+"/") {
					continue
				}
				if !within(packages, s.pkg) {
					t.Errorf("%s: %s is at home only in %s", s.path, imported, strings.Join(packages, ", "))
				}
			}
		}
	}
}

func TestHouseRules(t *testing.T) {
	set := token.NewFileSet()
	documented, packages := map[string]bool{}, map[string]string{}
	for _, s := range sources(t, set) {
		if !s.test {
			packages[s.pkg] = s.path
			documented[s.pkg] = documented[s.pkg] || s.file.Doc != nil
		}
		for _, group := range s.file.Comments {
			for _, word := range []string{"TODO", "FIXME", "XXX"} {
				if strings.Contains(group.Text(), word) {
					t.Errorf("%s: a comment says %s: finish it or file an issue", set.Position(group.Pos()), word)
				}
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					t.Errorf("%s: func init: state belongs to a value that main makes", set.Position(n.Pos()))
				}
			case *ast.InterfaceType:
				if n.Methods.NumFields() > 7 {
					t.Errorf("%s: an interface of %d methods; 7 are the most", set.Position(n.Pos()), n.Methods.NumFields())
				}
			}
			return true
		})
	}
	for pkg, file := range packages {
		if !documented[pkg] {
			t.Errorf("package %s (%s) has no package comment", pkg, file)
		}
	}
}
