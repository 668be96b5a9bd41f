package api

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	jsoniter "github.com/json-iterator/go"

	"ais/object"
)

// Property is one setting by its dotted name, "checksum.type".
type Property struct {
	Name  string
	Value string
}

// Properties is the settings of a bucket or of the cluster. In JSON they nest,
// {"checksum":{"type":"md5"}}, and a value that reads as a bool or an integer is
// written as one, but for those that AIStore writes as strings.
type Properties []Property

// Get returns the value of the named property, "" if it is not there.
func (p Properties) Get(name string) string {
	for _, e := range p {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}

// Section returns the properties whose names are name or begin with name and a
// dot.
func (p Properties) Section(name string) Properties {
	var out Properties
	for _, e := range p {
		if e.Name == name || strings.HasPrefix(e.Name, name+".") {
			out = append(out, e)
		}
	}
	return out
}

// Sort orders the properties by name.
func (p Properties) Sort() {
	slices.SortFunc(p, func(a, b Property) int { return strings.Compare(a.Name, b.Name) })
}

// MarshalJSON writes the nested form.
func (p Properties) MarshalJSON() ([]byte, error) {
	root := map[string]any{}
	for _, e := range p {
		path := strings.Split(e.Name, ".")
		at := root
		for _, name := range path[:len(path)-1] {
			next, ok := at[name].(map[string]any)
			if !ok {
				if _, taken := at[name]; taken {
					return nil, fmt.Errorf("property %q is both a value and a section", name)
				}
				next = map[string]any{}
				at[name] = next
			}
			at = next
		}
		at[path[len(path)-1]] = scalar(e)
	}
	return jsonAPI.Marshal(root)
}

// scalar returns the JSON value of a property.
func scalar(e Property) any {
	switch e.Name {
	case "access", "bid", "created", "version", "uuid", "features": // AIStore: uint64 as strings
		return e.Value
	}
	switch e.Value {
	case "true":
		return true
	case "false":
		return false
	}
	if n, err := strconv.ParseInt(e.Value, 10, 64); err == nil && strconv.FormatInt(n, 10) == e.Value {
		return n
	}
	return e.Value
}

// UnmarshalJSON reads the nested form, sorted by name. Nulls are left out, as
// clients send them for what they do not set.
func (p *Properties) UnmarshalJSON(data []byte) error {
	iter := jsoniter.ParseBytes(jsonAPI, data)
	if kind := iter.WhatIsNext(); kind != jsoniter.ObjectValue && kind != jsoniter.NilValue {
		return errors.New("properties are a JSON object")
	}
	*p = (*p)[:0]
	if err := p.flatten(iter, "", 0); err != nil {
		return err
	}
	p.Sort()
	return nil
}

// flatten appends what iter holds under the name prefix.
func (p *Properties) flatten(iter *jsoniter.Iterator, prefix string, depth int) error {
	const deepest = 8
	if depth > deepest {
		return errors.New("properties nest too deep")
	}
	var err error
	switch iter.WhatIsNext() {
	case jsoniter.ObjectValue:
		iter.ReadObjectCB(func(iter *jsoniter.Iterator, name string) bool {
			if prefix != "" {
				name = prefix + "." + name
			}
			err = p.flatten(iter, name, depth+1)
			return err == nil
		})
	case jsoniter.NilValue:
		iter.ReadNil()
	case jsoniter.StringValue:
		*p = append(*p, Property{prefix, iter.ReadString()})
	case jsoniter.NumberValue:
		*p = append(*p, Property{prefix, string(iter.ReadNumber())})
	case jsoniter.BoolValue:
		*p = append(*p, Property{prefix, strconv.FormatBool(iter.ReadBool())})
	default:
		raw := iter.SkipAndReturnBytes()
		*p = append(*p, Property{prefix, strings.TrimSpace(string(raw))})
	}
	if err == nil && iter.Error != nil {
		err = iter.Error
	}
	return err
}

// ParseProperties reads the nested value of an action message; null is none.
// A value that is a string holding the JSON is taken as well, as some clients
// send it. The error is of kind Invalid.
func ParseProperties(m ActionMessage) (Properties, error) {
	if !m.HasValue() {
		return nil, nil
	}
	var text string
	if jsonAPI.Unmarshal(m.Value, &text) == nil {
		m.Value = jsoniter.RawMessage(text)
	}
	var p Properties
	if err := m.Decode(&p); err != nil {
		return nil, err
	}
	return p, nil
}

// ParseAssignments reads "name=value" words, as on a command line. The error is
// of kind Invalid.
func ParseAssignments(words []string) (Properties, error) {
	var p Properties
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok || name == "" {
			return nil, object.E("api.ParseAssignments", w, object.Invalid, errors.New("not of the form name=value"))
		}
		p = append(p, Property{name, value})
	}
	return p, nil
}
