package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ais/object"
)

// KeyValue is a setting and its value as text.
type KeyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// setting is one row of a table of settings: a dotted name, and how its value
// is read and written as text. write nil is a setting that cannot be changed.
// In JSON the dots are nested objects, a boolean is one, the rest is text, as
// AIStore's.
type setting[T any] struct {
	key   string
	bool  bool
	legal string // for messages: what the value may be
	read  func(*T) string
	write func(*T, string) error
}

// set changes the setting of that name. op names the caller in errors, which are
// of kind Invalid.
func set[T any](op string, table []setting[T], to *T, key, value string) (old string, err error) {
	for i := range table {
		row := &table[i]
		if row.key != key {
			continue
		}
		if row.write == nil {
			return "", object.E(op, key, object.Invalid, errors.New("this cannot be changed: "+row.legal))
		}
		old = row.read(to)
		if err := row.write(to, value); err != nil {
			return "", object.E(op, key, object.Invalid, fmt.Errorf("%q is not legal: %s", value, row.legal))
		}
		return old, nil
	}
	keys := make([]string, len(table))
	for i := range table {
		keys[i] = table[i].key
	}
	return "", object.E(op, key, object.Invalid, errors.New("no such property; there are "+strings.Join(keys, ", ")))
}

// list returns all settings, sorted by name.
func list[T any](table []setting[T], of *T) []KeyValue {
	out := make([]KeyValue, len(table))
	for i := range table {
		out[i] = KeyValue{table[i].key, table[i].read(of)}
	}
	slices.SortFunc(out, func(a, b KeyValue) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// marshal returns the settings as nested JSON objects.
func marshal[T any](table []setting[T], of *T) ([]byte, error) {
	root := map[string]any{}
	for i := range table {
		at, key := root, table[i].key
		for {
			head, rest, more := strings.Cut(key, ".")
			if !more {
				break
			}
			next, ok := at[head].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[head] = next
			}
			at, key = next, rest
		}
		text := table[i].read(of)
		if table[i].bool {
			at[key] = text == "true"
		} else {
			at[key] = text
		}
	}
	return json.Marshal(root)
}

// Flatten reads nested JSON objects into dotted names and texts, sorted by name:
// {"checksum":{"type":"md5"}} is checksum.type = md5. A null is left out. The
// error is of kind Invalid.
func Flatten(data []byte) ([]KeyValue, error) {
	const op = "cluster.Flatten"
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	var root map[string]any
	if err := dec.Decode(&root); err != nil {
		return nil, object.E(op, "", object.Invalid, err)
	}
	var out []KeyValue
	var walk func(prefix string, m map[string]any) error
	walk = func(prefix string, m map[string]any) error {
		for key, value := range m {
			switch v := value.(type) {
			case nil:
			case map[string]any:
				if err := walk(prefix+key+".", v); err != nil {
					return err
				}
			case []any:
				return object.E(op, prefix+key, object.Invalid, errors.New("a list is not a value"))
			default:
				out = append(out, KeyValue{prefix + key, fmt.Sprint(v)})
			}
		}
		return nil
	}
	if err := walk("", root); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b KeyValue) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

// unmarshal reads what marshal wrote, here or in another version: names that the
// table does not have are left out, settings that are not there stay.
func unmarshal[T any](table []setting[T], to *T, data []byte) error {
	pairs, err := Flatten(data)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		i := slices.IndexFunc(table, func(row setting[T]) bool { return row.key == p.Key })
		if i < 0 || table[i].write == nil {
			continue
		}
		if err := table[i].write(to, p.Value); err != nil {
			return object.E("cluster.unmarshal", p.Key, object.Invalid, fmt.Errorf("%q is not legal: %s", p.Value, table[i].legal))
		}
	}
	return nil
}
