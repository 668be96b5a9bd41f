package s3api

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
)

// element is an element of a configuration document. Namespaces, attributes and
// comments are left out.
type element struct {
	name     string
	text     string // character data between the children, joined
	children []*element
}

// parseTree reads a document whose root must be called root. What is not
// well-formed, declares a document type, or is nested too deeply is MalformedXML.
// Entities other than XML's own five are not well-formed here, so a document is
// never larger than its text.
func parseTree(data []byte, root string) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	top := &element{}
	open := []*element{top}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, MalformedXML
		}
		last := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if len(open) > maxElementDepth {
				return nil, MalformedXML
			}
			child := &element{name: t.Name.Local}
			last.children = append(last.children, child)
			open = append(open, child)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			last.text += string(t)
		case xml.Directive:
			return nil, MalformedXML
		}
	}
	if len(open) != 1 || len(top.children) != 1 || top.children[0].name != root || strings.TrimSpace(top.text) != "" {
		return nil, MalformedXML
	}
	return top.children[0], nil
}

// fields says what the children of an element are called and what reads each. A
// name that ends in "*" may be there more than once.
type fields map[string]func(*element) error

// read has each child read. A child with another name, one twice, and text between
// them are MalformedXML.
func (e *element) read(f fields) error {
	if strings.TrimSpace(e.text) != "" {
		return MalformedXML
	}
	seen := make(map[string]bool, len(f))
	for _, child := range e.children {
		read, ok := f[child.name]
		if !ok {
			if read, ok = f[child.name+"*"]; !ok {
				return MalformedXML
			}
		} else if seen[child.name] {
			return MalformedXML
		}
		seen[child.name] = true
		if err := read(child); err != nil {
			return err
		}
	}
	return nil
}

// text reads the text of an element as it is.
func text(into *string) func(*element) error {
	return func(e *element) error {
		if len(e.children) > 0 {
			return MalformedXML
		}
		*into = e.text
		return nil
	}
}

// word reads the text of an element without the space around it.
func word(into *string) func(*element) error {
	return func(e *element) error {
		err := text(into)(e)
		*into = strings.TrimSpace(*into)
		return err
	}
}

// number reads a whole number.
func number[T int | int64](into *T) func(*element) error {
	return func(e *element) error {
		var s string
		if err := word(&s)(e); err != nil {
			return err
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if *into = T(n); err != nil || int64(*into) != n {
			return MalformedXML
		}
		return nil
	}
}

// boolean reads true or false, in any case.
func boolean(into *bool) func(*element) error {
	return func(e *element) error {
		var s string
		if err := word(&s)(e); err != nil {
			return err
		}
		switch strings.ToLower(s) {
		case "true":
			*into = true
		case "false":
			*into = false
		default:
			return MalformedXML
		}
		return nil
	}
}
