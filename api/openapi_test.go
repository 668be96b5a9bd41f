package api

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	jsoniter "github.com/json-iterator/go"
)

var rewriteOpenAPI = flag.Bool("openapi.rewrite", false, "write docs/openapi.json anew")

// docs/openapi.json is what openAPIDocument makes of the list of calls, which the tests of
// proxy and target hold against the handlers.
func TestOpenAPI(t *testing.T) {
	made, err := openAPIDocument()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("..", "docs", "openapi.json")
	if *rewriteOpenAPI {
		if err := os.WriteFile(file, append(made, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	there, err := os.ReadFile(file)
	if err != nil || string(there) != string(made)+"\n" {
		t.Errorf("docs/openapi.json is not what the calls are now (%v): go test ./api -run TestOpenAPI -openapi.rewrite", err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(made)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Error(err)
	}
}

// Every message that the list of calls names has a schema.
func TestEndpointsNameKnownMessages(t *testing.T) {
	word := regexp.MustCompile(`\b[A-Z][a-z]+[A-Z][A-Za-z]+\b`)
	known := messageTypes()
	for _, e := range Endpoints() {
		for _, name := range word.FindAllString(e.Value+" "+e.Answer, -1) {
			if _, ok := known[name]; !ok && !functions[name] {
				t.Errorf("%s %s %s: no schema for %s: add it to messageTypes", e.Method, e.Path, e.Selector(), name)
			}
		}
	}
}

// functions are Go functions that the list refers to.
var functions = map[string]bool{"ParseProperties": true, "SetObjectHeaders": true, "SetObjectInfo": true}

// openAPIDocument returns the list of calls as an OpenAPI 3.0 document in JSON, for
// tools that make clients and pages of one. Calls of one method and path, which their
// actions tell apart, are one operation there, with a body for each.
func openAPIDocument() ([]byte, error) {
	d := openAPI{schemas: map[string]any{}}
	paths := map[string]map[string]any{}
	operations := map[[2]string][]Endpoint{}
	for _, e := range Endpoints() {
		at := [2]string{e.Path, strings.ToLower(e.Method)}
		operations[at] = append(operations[at], e)
	}
	for at, calls := range operations {
		if paths[at[0]] == nil {
			paths[at[0]] = map[string]any{}
		}
		paths[at[0]][at[1]] = d.operation(at[0], at[1], calls)
	}
	d.schema(reflect.TypeFor[ErrorMessage]())
	return json.MarshalIndent(map[string]any{
		"openapi": "3.0.3",
		"info": map[string]any{
			"title": "AIS native REST API", "version": "1", "license": map[string]any{"name": "MIT"},
			"description": "Served by every proxy beside S3. Calls on /v1/objects are redirected (307) to the target that owns the object. docs/api.md says more.",
		},
		"servers": []any{map[string]any{"url": "http://localhost:8080"}},
		"paths":   paths,
		"security": []any{
			map[string]any{"bearer": []any{}}, map[string]any{},
		},
		"components": map[string]any{
			"schemas":         d.schemas,
			"securitySchemes": map[string]any{"bearer": map[string]any{"type": "http", "scheme": "bearer"}},
		},
	}, "", "  ")
}

// openAPI is a document on its way.
type openAPI struct {
	schemas map[string]any // of types, by name
}

func (d *openAPI) operation(path, method string, calls []Endpoint) map[string]any {
	lines := make([]string, len(calls))
	params := map[string]any{}
	for _, name := range pathName.FindAllString(path, -1) {
		name = strings.Trim(name, "{}")
		params["path "+name] = map[string]any{"name": name, "in": "path", "required": true, "schema": map[string]any{"type": "string"}}
	}
	var answers []any
	for i, e := range calls {
		lines[i] = describe(e)
		for _, p := range queryOf(e) {
			params[p["in"].(string)+" "+p["name"].(string)] = p
		}
		if e.Method != "HEAD" {
			answers = append(answers, d.mentioned(e.Answer)...)
		}
	}
	success := map[string]any{"description": strings.Join(lines, "\n")}
	if len(answers) > 0 {
		success["content"] = map[string]any{ContentJSON: map[string]any{"schema": oneOf(answers)}}
	}
	op := map[string]any{
		"summary":     lines[0],
		"description": strings.Join(lines, "\n"),
		"operationId": method + strings.NewReplacer("/v1", "", "/", "_", "{", "", "}", "", "-", "_").Replace(path),
		"parameters":  sortedValues(params),
		"responses": map[string]any{
			"2XX": success,
			"default": map[string]any{
				"description": "what went wrong",
				"content":     map[string]any{ContentJSON: map[string]any{"schema": reference("ErrorMessage")}},
			},
		},
	}
	if body := d.body(calls); body != nil {
		op["requestBody"] = body
	}
	return op
}

// describe says in a line what a call does.
func describe(e Endpoint) string {
	parts := []string{cmp.Or(e.Selector(), e.Method)}
	if e.Value != "" {
		parts = append(parts, "takes "+e.Value)
	}
	return strings.Join(append(parts, "answers "+e.Answer), "; ")
}

// body returns what the calls take; nil for nothing.
func (d *openAPI) body(calls []Endpoint) map[string]any {
	content := map[string]any{}
	var messages []any
	for _, e := range calls {
		values := d.mentioned(e.Value)
		switch {
		case e.Action != "":
			value := map[string]any{"nullable": true, "description": e.Value}
			if len(values) > 0 {
				value["allOf"] = values
			}
			messages = append(messages, map[string]any{
				"type": "object", "required": []any{"action"},
				"properties": map[string]any{
					"action": map[string]any{"type": "string", "enum": []any{e.Action}},
					"name":   map[string]any{"type": "string"},
					"value":  value,
				},
			})
		case strings.Contains(e.Value, "content"):
			content[ContentBinary] = map[string]any{"schema": map[string]any{"type": "string", "format": "binary"}}
		case len(values) > 0:
			messages = append(messages, values...)
		case strings.Contains(e.Value, "document"):
			messages = append(messages, map[string]any{"type": "object"})
		}
	}
	if len(messages) > 0 {
		content[ContentJSON] = map[string]any{"schema": oneOf(messages)}
	}
	if len(content) == 0 {
		return nil
	}
	return map[string]any{"content": content}
}

var (
	pathName  = regexp.MustCompile(`\{[a-z]+\}`)
	queryName = regexp.MustCompile(`^[A-Za-z_][A-Za-z_-]*`)
	typeName  = regexp.MustCompile(`\b(array of )?([A-Z][A-Za-z]+)\b`)
)

// queryOf returns the parameters that a row's text names: words separated by commas
// and semicolons, each perhaps with a value or a remark; "header NAME" is a header.
func queryOf(e Endpoint) []map[string]any {
	var out []map[string]any
	for _, part := range strings.FieldsFunc(withoutRemarks(e.Query), func(c rune) bool { return c == ',' || c == ';' }) {
		part = strings.TrimSpace(part)
		in := "query"
		if rest, ok := strings.CutPrefix(part, "header "); ok {
			part, in = rest, "header"
		}
		name := queryName.FindString(part)
		if name == "" || name == "any" {
			continue
		}
		out = append(out, map[string]any{"name": name, "in": in, "schema": map[string]any{"type": "string"}, "description": part})
	}
	return out
}

// withoutRemarks leaves out what stands in parentheses.
func withoutRemarks(s string) string {
	return regexp.MustCompile(`\([^)]*\)`).ReplaceAllString(s, "")
}

// mentioned returns references to the schemas of the messages that text names.
func (d *openAPI) mentioned(text string) []any {
	var refs []any
	for _, match := range typeName.FindAllStringSubmatch(text, -1) {
		t, ok := messageTypes()[match[2]]
		if !ok {
			continue
		}
		var schema any = d.schema(t)
		if match[1] != "" {
			schema = map[string]any{"type": "array", "items": schema}
		}
		refs = append(refs, schema)
	}
	return refs
}

// messageTypes are the types whose names the list of calls uses.
func messageTypes() map[string]reflect.Type {
	types := map[string]reflect.Type{}
	for _, t := range []reflect.Type{
		reflect.TypeFor[Bucket](), reflect.TypeFor[Properties](), reflect.TypeFor[ListMessage](), reflect.TypeFor[ListResult](),
		reflect.TypeFor[SummaryMessage](), reflect.TypeFor[Summary](), reflect.TypeFor[NamesMessage](), reflect.TypeFor[ClusterMap](),
		reflect.TypeFor[BucketMap](), reflect.TypeFor[ClusterStats](), reflect.TypeFor[NodeStatus](), reflect.TypeFor[JobQuery](),
		reflect.TypeFor[JobStatus](), reflect.TypeFor[JobSnaps](), reflect.TypeFor[JobSnap](), reflect.TypeFor[User](), reflect.TypeFor[NewUser](),
		reflect.TypeFor[UserChange](), reflect.TypeFor[NewKey](), reflect.TypeFor[UserKey](), reflect.TypeFor[Login](), reflect.TypeFor[Token](),
		reflect.TypeFor[SystemInfo](), reflect.TypeFor[NodeConfig](), reflect.TypeFor[MountpathList](), reflect.TypeFor[ClusterSystem](), reflect.TypeFor[NodesMessage](), reflect.TypeFor[JoinAnswer](), reflect.TypeFor[RemoteClusters](), reflect.TypeFor[CopyMessage](), reflect.TypeFor[ArchiveMessage](), reflect.TypeFor[ActionMessage](), reflect.TypeFor[UploadStatus](), reflect.TypeFor[CompletedPart](), reflect.TypeFor[BatchRequest](), reflect.TypeFor[BatchAnswer](), reflect.TypeFor[Node](),
	} {
		types[t.Name()] = t
	}
	return types
}

func reference(name string) map[string]any {
	return map[string]any{"$ref": "#/components/schemas/" + name}
}

// schema returns the schema of a type as its JSON is.
func (d *openAPI) schema(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case reflect.TypeFor[jsoniter.RawMessage]():
		return map[string]any{}
	case reflect.TypeFor[Properties]():
		return map[string]any{"type": "object", "additionalProperties": true, "description": "settings by name, nested where the name has dots"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.schema(t.Elem())
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return map[string]any{"type": "string", "format": "byte"}
		}
		return map[string]any{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.Interface:
		return map[string]any{}
	case reflect.Struct:
		if d.schemas[t.Name()] == nil {
			d.schemas[t.Name()] = map[string]any{} // it may hold itself
			properties := map[string]any{}
			d.fields(t, properties)
			d.schemas[t.Name()] = map[string]any{"type": "object", "properties": properties}
		}
		return reference(t.Name())
	}
	return map[string]any{"type": "integer"}
}

// fields adds the fields of a struct as they are called in JSON.
func (d *openAPI) fields(t reflect.Type, properties map[string]any) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			d.fields(f.Type, properties)
		case name == "-" || !f.IsExported():
		case strings.Contains(options, "string"):
			properties[cmp.Or(name, f.Name)] = map[string]any{"type": "string"}
		default:
			properties[cmp.Or(name, f.Name)] = d.schema(f.Type)
		}
	}
}

// oneOf is any of the schemas, each once.
func oneOf(schemas []any) any {
	var distinct []any
	for _, s := range schemas {
		if !slices.ContainsFunc(distinct, func(o any) bool { return reflect.DeepEqual(o, s) }) {
			distinct = append(distinct, s)
		}
	}
	if len(distinct) == 1 {
		return distinct[0]
	}
	return map[string]any{"anyOf": distinct}
}

func sortedValues(m map[string]any) []any {
	out := []any{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[key])
	}
	return out
}
