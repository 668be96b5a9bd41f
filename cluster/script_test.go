package cluster

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ais/object"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts in testdata answer into them")

// TestScripts runs testdata/*.txt: commands, and after "----" what they answer,
// up to an empty line.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { runScript(t, path) })
	}
}

func runScript(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{state: NewState(Contents{Map: Map{Cluster: "c", Version: 1, Auth: AuthOff}, Config: DefaultConfig()})}
	var out strings.Builder
	for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		input, want, hasAnswer := strings.Cut(block, "\n----\n")
		input = strings.TrimSuffix(input, "\n----")
		var answer strings.Builder
		for line := range strings.SplitSeq(input, "\n") {
			if line != "" && !strings.HasPrefix(line, "#") {
				answer.WriteString(w.run(line))
			}
		}
		got := strings.TrimSuffix(answer.String(), "\n")
		if !*rewrite && got != want {
			t.Errorf("%s:\n%s\nanswered:\n%s\nnot:\n%s", path, input, got, want)
		}
		out.WriteString(input + "\n")
		if got != "" || hasAnswer {
			out.WriteString("----\n" + got + "\n")
		}
		out.WriteString("\n")
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(strings.TrimSuffix(out.String(), "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// world is a cluster without etcd: what its nodes would do is done to a State.
type world struct {
	state *State
	boots int
	ids   uint64
}

func (w *world) run(line string) string {
	words := strings.Fields(line)
	args := map[string]string{}
	for _, word := range words {
		if key, value, ok := strings.Cut(word, "="); ok {
			args[key] = value
		}
	}
	subject := ""
	if len(words) > 1 {
		subject = words[1]
	}
	switch words[0] {
	case "join":
		return w.join(subject, args)
	case "expire":
		return w.apply(LiveGone{subject})
	case "dismiss":
		m, err := w.state.Dismiss(subject)
		if err != nil {
			return err.Error() + "\n"
		}
		return w.apply(MapSet{m}, NodeGone{subject})
	case "move":
		m, n, err := w.state.Move(subject, NodeState(args["to"]), MoveOptions{KeepNames: args["keep"] == "true", Force: args["force"] == "true"})
		if err != nil {
			return err.Error() + "\n"
		}
		if m.Version == w.state.Map.Version {
			return "nothing to do\n"
		}
		return w.apply(MapSet{m}, NodeSet{n})
	case "create":
		return w.create(subject, args)
	case "mark", "behind", "insync", "leftout":
		return w.change(words[0], subject, args)
	case "sources":
		var ids []string
		for _, n := range w.state.Sources(subject) {
			ids = append(ids, n.ID)
		}
		return cmp.Or(strings.Join(ids, " "), "nobody") + "\n"
	case "copies", "due", "start", "end", "asked":
		return w.bucket(words[0], subject, args)
	case "rebalance":
		m, err := w.state.Rebalance(subject == "start")
		if err != nil {
			return err.Error() + "\n"
		}
		return w.apply(MapSet{m})
	case "remove":
		return w.apply(BucketGone{object.AIS, subject})
	case "set":
		c := w.state.Config
		key, value, _ := strings.Cut(subject, "=")
		if _, err := c.Set(key, value); err != nil {
			return err.Error() + "\n"
		}
		return w.apply(ConfigSet{c})
	case "owners":
		return w.owners(subject)
	case "state":
		return w.describe()
	}
	return "unknown command " + line + "\n"
}

func (w *world) apply(events ...Event) string {
	w.state = w.state.Apply(w.state.Revision+1, events...)
	return ""
}

// join starts a process: a target unless kind says otherwise, at a URL made of
// its id unless url does.
func (w *world) join(id string, args map[string]string) string {
	w.boots++
	n := Node{
		ID: id, Kind: Target, URL: "http://" + id, Weight: 1,
		Boot: strconv.Itoa(w.boots), Joined: time.Unix(int64(w.boots), 0),
	}
	if v, ok := args["kind"]; ok {
		n.Kind = Kind(v)
	}
	if v, ok := args["url"]; ok {
		n.URL = v
	}
	n.Etcd, n.Data, n.Home = args["etcd"] == "true", args["data"], args["home"]
	if v, ok := args["weight"]; ok {
		n.Weight, _ = strconv.ParseFloat(v, 64)
	}
	m, n, err := w.state.Admit(n)
	if err != nil {
		return err.Error() + "\n"
	}
	return w.apply(MapSet{m}, NodeSet{n}, LiveSet{Live{ID: id, Boot: n.Boot, URL: n.URL}})
}

// change does to a target what its lease, the target itself or another one would.
func (w *world) change(what, id string, args map[string]string) string {
	var (
		m   Map
		n   Node
		err error
	)
	before, _ := w.state.Node(id)
	since := before.Since
	if old, ok := args["since"]; ok {
		since, _ = strconv.ParseUint(old, 10, 64)
	}
	switch what {
	case "mark":
		var ok bool
		if m, n, ok = w.state.LeaveBehind(id); !ok {
			return "nothing to do\n"
		}
	case "behind":
		m, n, err = w.state.MarkBehind(id, args["full"] == "true")
	case "insync":
		m, n, err = w.state.InSync(id, w.state.live[id].Boot, since)
	case "leftout":
		m, n, err = w.state.LeftOut(id)
	}
	switch {
	case err != nil:
		return err.Error() + "\n"
	case m.Version == w.state.Map.Version:
		return "nothing to do\n"
	}
	return w.apply(MapSet{m}, NodeSet{n})
}

// bucket does something about the placement of a bucket: sets how many copies it is to
// have, says where it is due, starts to move it or has all of it moved.
func (w *world) bucket(what, name string, args map[string]string) string {
	b, ok := w.state.Bucket(object.AIS, name)
	if !ok {
		return "no bucket " + name + "\n"
	}
	switch what {
	case "copies":
		after := *b
		if _, err := after.Props.Set("copies", args["to"]); err != nil {
			return err.Error() + "\n"
		}
		if err := w.state.Map.CheckCopies(&after, b.Props.Copies); err != nil {
			return err.Error() + "\n"
		}
		return w.apply(BucketSet{after})
	case "asked":
		nodes, err := w.state.Owners(b, b.Target())
		if err != nil {
			return err.Error() + "\n"
		}
		var ids []string
		for _, n := range nodes {
			ids = append(ids, n.ID)
		}
		return strings.Join(ids, " ") + "\n"
	case "due":
		to, due := w.state.Due(b)
		if !due {
			return "not due\n"
		}
		return fmt.Sprintf("placement %d: generation %d, %d copies\n", to.Number, to.Generation, to.Count())
	case "start":
		m, moving, ok := w.state.StartMove(b)
		if !ok {
			return "nothing to do\n"
		}
		return w.apply(MapSet{m}, BucketSet{moving})
	}
	m, moved, ok, err := w.state.EndMove(b, b.Next)
	switch {
	case err != nil:
		return err.Error() + "\n"
	case !ok:
		return "nothing to do\n"
	}
	return w.apply(MapSet{m}, BucketSet{moved})
}

func (w *world) create(name string, args map[string]string) string {
	g, ok := w.state.Map.Latest()
	if !ok {
		return "no target\n"
	}
	w.ids++
	b := Bucket{ID: w.ids, Provider: object.AIS, Name: name, State: BucketActive, Props: DefaultProps(object.AIS, true, w.state.Config)}
	if copies, ok := args["copies"]; ok {
		b.Props.Copies, _ = strconv.Atoi(copies)
	}
	if err := w.state.Map.CheckCopies(&b, 0); err != nil {
		return err.Error() + "\n"
	}
	b.Placement = Placement{Generation: g.Number, Copies: b.Props.Copies}
	return w.apply(BucketSet{b})
}

// owners counts who owns 1,000 names of the bucket.
func (w *world) owners(name string) string {
	b, ok := w.state.Bucket(object.AIS, name)
	if !ok {
		return "no bucket " + name + "\n"
	}
	count, dead := map[string]int{}, map[string]string{}
	for i := range 1000 {
		n, live, err := w.state.Owner(b, object.Name{Bucket: b.ID, Key: strconv.Itoa(i)})
		if err != nil {
			return err.Error() + "\n"
		}
		count[n.ID]++
		if !live {
			dead[n.ID] = " (dead)"
		}
	}
	nodes, err := w.state.Placed(b)
	if err != nil {
		return err.Error() + "\n"
	}
	var out strings.Builder
	for _, n := range nodes {
		fmt.Fprintf(&out, "%s %d%s\n", n.ID, count[n.ID], dead[n.ID])
	}
	return out.String()
}

func (w *world) describe() string {
	s := w.state
	var out strings.Builder
	fmt.Fprintf(&out, "revision %d, map %d", s.Revision, s.Map.Version)
	if s.Map.Halted {
		out.WriteString(", nothing is moved")
	}
	out.WriteString("\n")
	for _, n := range s.Nodes() {
		fmt.Fprintf(&out, "%s %s %s, boot %s, joined %d%s\n", n.Kind, n.ID, s.Status(n.ID), n.Boot, n.Joined.Unix(), behindness(n))
	}
	for _, g := range s.Map.Generations {
		fmt.Fprintf(&out, "generation %d:", g.Number)
		for _, m := range g.Targets {
			fmt.Fprintf(&out, " %s×%v", m.ID, m.Weight)
		}
		out.WriteString("\n")
	}
	for _, b := range s.Buckets() {
		fmt.Fprintf(&out, "bucket %d %s in generation %d, %s", b.ID, b.URL(), b.Generation, b.Props.Checksum.Type)
		if b.Several() {
			fmt.Fprintf(&out, ", %d copies", b.Count())
		}
		if b.Moving() {
			fmt.Fprintf(&out, ", moving to placement %d: generation %d, %d copies", b.Next.Number, b.Next.Generation, b.Next.Count())
		}
		out.WriteString("\n")
	}
	return out.String()
}

// behindness says how a target is behind.
func behindness(n Node) string {
	if n.Behind == 0 {
		return ""
	}
	text := fmt.Sprintf(", behind since %d", n.Behind)
	if n.Since != 0 {
		text += fmt.Sprintf(", catching up from %d", n.Since)
	}
	if n.Full {
		text += ", may lack anything"
	}
	if n.Lost {
		text += ", given up"
	}
	return text
}
