package peer

import "ais/object"

// EncodePage returns p in the form that nodes exchange.
func EncodePage(p object.Page) []byte { return AppendPage(nil, &p) }

// AppendPage appends the encoded page to dst.
func AppendPage(dst []byte, p *object.Page) []byte { return dst }

// DecodePage is the inverse of EncodePage. The error is of kind Invalid.
func DecodePage(b []byte) (object.Page, error) { return object.Page{}, object.Unsupported }

// EncodeMeta returns m in the form that nodes exchange.
func EncodeMeta(m *object.Meta) []byte { return nil }

// DecodeMeta is the inverse of EncodeMeta. The error is of kind Invalid.
func DecodeMeta(b []byte) (object.Meta, error) { return object.Meta{}, object.Unsupported }
