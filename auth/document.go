package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
)

// maxDepth is how deep the braces and brackets of a policy nest; a condition's
// values are the deepest, at 6.
const maxDepth = 8

// node is a JSON value, with the order of its members kept and none of them twice.
type node struct {
	text    string   // of a string, or of a number or boolean as it was written
	scalar  bool     // text counts
	quoted  bool     // it is a string
	list    []node   // of an array, not nil
	members []member // of an object, not nil
}

type member struct {
	name  string
	value node
}

var errNotJSON = PolicyError("Policies must be valid JSON and the first byte must be '{'")

// readDocument reads a policy's JSON.
func readDocument(document []byte) (node, error) {
	if len(document) > MaxPolicy {
		return node{}, PolicyError("Policy is longer than " + strconv.Itoa(MaxPolicy) + " bytes")
	}
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err != nil {
		return node{}, err
	}
	if n.members == nil {
		return node{}, errNotJSON
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return node{}, errNotJSON
	}
	return n, nil
}

func readNode(d *json.Decoder, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, PolicyError("Policy nests too deep")
	}
	token, err := d.Token()
	if err != nil {
		return node{}, errNotJSON
	}
	switch t := token.(type) {
	case string:
		return node{text: t, scalar: true, quoted: true}, nil
	case json.Number:
		return node{text: t.String(), scalar: true}, nil
	case bool:
		return node{text: strconv.FormatBool(t), scalar: true}, nil
	case json.Delim:
		if t == '[' {
			return readList(d, depth)
		}
		return readMembers(d, depth)
	}
	return node{}, PolicyError("Policy has a null in it")
}

func readList(d *json.Decoder, depth int) (node, error) {
	n := node{list: []node{}}
	for d.More() {
		value, err := readNode(d, depth+1)
		if err != nil {
			return n, err
		}
		n.list = append(n.list, value)
	}
	if _, err := d.Token(); err != nil {
		return n, errNotJSON
	}
	return n, nil
}

func readMembers(d *json.Decoder, depth int) (node, error) {
	n := node{members: []member{}}
	seen := make(map[string]bool)
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return n, errNotJSON
		}
		if seen[name] {
			return n, PolicyError("Policy has an element twice: " + name)
		}
		seen[name] = true
		value, err := readNode(d, depth+1)
		if err != nil {
			return n, err
		}
		n.members = append(n.members, member{name, value})
	}
	if _, err := d.Token(); err != nil {
		return n, errNotJSON
	}
	return n, nil
}

// strings returns the texts of a string or of a list of strings that is not
// empty; ok is false for anything else.
func (n node) strings() (texts []string, ok bool) {
	if n.quoted {
		return []string{n.text}, true
	}
	for _, value := range n.list {
		if !value.quoted {
			return nil, false
		}
		texts = append(texts, value.text)
	}
	return texts, len(texts) > 0
}

// scalars is strings, but numbers and booleans will do, too.
func (n node) scalars() (texts []string, ok bool) {
	if n.scalar {
		return []string{n.text}, true
	}
	for _, value := range n.list {
		if !value.scalar {
			return nil, false
		}
		texts = append(texts, value.text)
	}
	return texts, len(texts) > 0
}
