package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var rewriteTranscripts = flag.Bool("transcript.rewrite", false, "write what the commands print now into the documents")

// The console blocks of these documents are run, line by line, and what they print
// is compared with what the document says. A comment <!-- transcript: NAME --> says
// of the blocks that follow on which of transcriptClusters they run, each with the
// state that the block before left; <!-- transcript: end --> ends it. A block after
// <!-- varies --> prints other numbers every time: only its words are compared.
func TestTranscripts(t *testing.T) {
	for _, name := range []string{"docs/cli.md", "docs/api.md"} {
		t.Run(name, func(t *testing.T) { runTranscript(t, filepath.Join(root(), name)) })
	}
}

// transcriptClusters are what a transcript can run on.
var transcriptClusters = map[string]func(t *testing.T) *transcript{
	"plain": func(t *testing.T) *transcript {
		c := Start(t, Options{Plain: true})
		return newTranscript(t, c, c.Shell(t))
	},
	"users": func(t *testing.T) *transcript {
		c := Start(t, Options{Plain: true, Auth: true})
		return newTranscript(t, c, c.Shell(t))
	},
	"remote": func(t *testing.T) *transcript {
		r := Moto(t)
		c := Start(t, Options{Plain: true, Remote: r})
		r.SDK() // it is up
		return newTranscript(t, c, c.RemoteShell(t, r))
	},
}

// transcript is a cluster and a shell in a folder with files to play with.
type transcript struct {
	script
	host    string
	replace *strings.Replacer // what differs from run to run, by what the document shows
}

func newTranscript(t *testing.T, c *Cluster, s script) *transcript {
	t.Helper()
	host := c.Host(t, "proxy1")
	s.env = append(s.env, "TZ=UTC", "LC_ALL=C.UTF-8", "AIS_ENDPOINT="+c.scheme()+"://"+host, "HOST="+host, "COLUMNS=120")
	for file, size := range map[string]int{
		"README.md": 10689, "LICENSE": 1075, "object.txt": 71671,
		"images/cat.jpg": 52311, "images/dog.jpg": 48702, "images/raw/cat.tif": 311296,
	} {
		if err := os.MkdirAll(filepath.Join(s.dir, filepath.Dir(file)), 0o755); err != nil {
			t.Fatal(err)
		}
		s.write(t, file, text(size))
	}
	s.write(t, ".curlrc", []byte("silent\nshow-error\n"))
	s.functions += keepVariables
	s.write(t, "policy.json", []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject"],"Resource":"*"}]}`))
	return &transcript{s, host, strings.NewReplacer(c.Dir, "/data", s.dir, "/home/me", host, "localhost:8080")}
}

// keepVariables hands the variables that a line sets to the lines after it.
const keepVariables = `
	[ ! -e "$HOME/.variables" ] || . "$HOME/.variables"
	set -a
	trap 'export -p >"$HOME/.variables"' EXIT
`

// text returns size bytes of text, always the same.
func text(size int) []byte {
	const line = "All that is known of the sea was brought home by somebody in a small boat.\n"
	return []byte(strings.Repeat(line, size/len(line)+1)[:size])
}

// say runs a command line and returns what it prints, as the document shows it.
func (s *transcript) say(t *testing.T, command string) string {
	out, err := s.try(t, strings.ReplaceAll(command, "localhost:8080", s.host))
	if err != nil && out == "" {
		out = fmt.Sprintf("(%v)\n", err)
	}
	return strings.TrimRight(s.replace.Replace(out), "\n")
}

var (
	transcriptMark = regexp.MustCompile(`^<!-- transcript: (\w+) -->$`)
	transcriptMask = strings.NewReplacer("target1", "targetN", "target2", "targetN", "target3", "targetN", "mp1", "mpN", "mp2", "mpN")
)

// What is never the same twice: dates, ids, times that something took.
var transcriptPatterns = []*regexp.Regexp{
	regexp.MustCompile(`\d\d [A-Z][a-z]{2} \d\d \d\d:\d\d UTC`),
	regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.0-9]*Z?`),
	regexp.MustCompile(`[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT`),
	regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`),
	regexp.MustCompile(`\bJ[A-Z2-7]{9}\b|\bresilver-[A-Z2-7]{8}\b`),
	regexp.MustCompile(`\b(ROOT|AIS)[A-Za-z0-9]{16,17}\b`),
	regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`),
	regexp.MustCompile(`\b\d{15,}\b`),
	regexp.MustCompile(`\b[0-9.]+(ns|µs|ms|s)\b`),
	regexp.MustCompile(`[A-Za-z0-9+/=_.-]{40,}`),
}

// masked returns text without what is never the same twice.
func masked(text string, varies bool) string {
	text = transcriptMask.Replace(text)
	if varies { // before long numbers are: a fraction has as many digits as it happens to need
		text = regexp.MustCompile(`\b[0-9]+\.[0-9]{11,}`).ReplaceAllString(text, "N")
	}
	for _, p := range transcriptPatterns {
		text = p.ReplaceAllString(text, "…")
	}
	if varies {
		text = regexp.MustCompile(`[0-9.]+[KMGT]?i?B?%?`).ReplaceAllString(text, "N")
		text = regexp.MustCompile(`[-=─]+`).ReplaceAllString(text, "-")
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.Join(strings.Fields(l), " ")
	}
	return strings.Join(lines, "\n")
}

func runTranscript(t *testing.T, file string) {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	clusters := map[string]*transcript{}
	var now *transcript
	varies := false
	lines := strings.Split(string(content), "\n")
	for i := 0; i < len(lines); i++ {
		out = append(out, lines[i])
		mark := transcriptMark.FindStringSubmatch(lines[i])
		switch {
		case mark != nil && mark[1] == "end":
			now = nil
		case mark != nil:
			if clusters[mark[1]] == nil {
				start := transcriptClusters[mark[1]]
				if start == nil {
					t.Fatalf("%s:%d: no cluster %q", file, i+1, mark[1])
				}
				clusters[mark[1]] = start(t)
			}
			now = clusters[mark[1]]
		case lines[i] == "<!-- varies -->":
			varies = true
		case lines[i] == "```console" && now != nil:
			for i++; i < len(lines) && lines[i] != "```"; {
				command, said, next := transcriptStep(lines, i)
				got := now.say(t, strings.TrimPrefix(strings.Join(command, "\n"), "$ "))
				want := strings.Join(said, "\n")
				if masked(got, varies) == masked(want, varies) {
					got = want // no new dates for the sake of them
				} else if !*rewriteTranscripts {
					t.Errorf("%s:%d: %s\nprints\n%s\nand not\n%s", filepath.Base(file), i+1, command[0], got, want)
				}
				out = append(out, command...)
				if got != "" {
					out = append(out, strings.Split(got, "\n")...)
				}
				i = next
			}
			out = append(out, "```")
			varies = false
		}
	}
	if len(clusters) == 0 {
		t.Errorf("%s has no transcript", file)
	}
	if text := strings.Join(out, "\n"); *rewriteTranscripts && text != string(content) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// transcriptStep returns the command at line i, what the document says that it
// prints, and the line after that.
func transcriptStep(lines []string, i int) (command, said []string, next int) {
	for ; i < len(lines); i++ {
		command = append(command, lines[i])
		if !strings.HasSuffix(lines[i], `\`) {
			i++
			break
		}
	}
	for ; i < len(lines) && lines[i] != "```" && !strings.HasPrefix(lines[i], "$ "); i++ {
		said = append(said, lines[i])
	}
	return command, said, i
}
