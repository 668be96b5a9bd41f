package main

import (
	"io"
	"strings"
	"unicode/utf8"
)

// table writes rows in aligned columns. A column is as wide as its widest cell
// so far, rounded up to 8, and a space, which is how AIStore's tables look on a
// terminal. Rows are held back until flushEvery of them have come, so that a
// long table is written in constant memory.
type table struct {
	w      io.Writer
	widths []int
	rows   [][]string
}

// flushEvery is how many rows are aligned together.
const flushEvery = 1000

// newTable returns a table with the header, or none where header is empty.
func newTable(w io.Writer, header ...string) *table {
	t := &table{w: w}
	if len(header) > 0 {
		t.rows = append(t.rows, header)
	}
	return t
}

// row adds a row.
func (t *table) row(cells ...string) error {
	t.rows = append(t.rows, cells)
	if len(t.rows) >= flushEvery {
		return t.flush()
	}
	return nil
}

// flush writes what is held back.
func (t *table) flush() error {
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(t.widths) {
				t.widths = append(t.widths, 0)
			}
			t.widths[i] = max(t.widths[i], (utf8.RuneCountInString(cell)+1+7)/8*8)
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		line := len(row) - 1
		for line > 0 && row[line] == "" { // no spaces at the end of a line
			line--
		}
		for i, cell := range row[:line+1] {
			b.WriteString(cell)
			if i < line {
				b.WriteString(strings.Repeat(" ", t.widths[i]+1-utf8.RuneCountInString(cell)))
			}
		}
		b.WriteByte('\n')
	}
	t.rows = t.rows[:0]
	_, err := io.WriteString(t.w, b.String())
	return err
}

// table returns a table on the output, without header where the user asked so.
func (a *app) table(header ...string) *table {
	if a.noHeaders {
		return newTable(a.out)
	}
	return newTable(a.out, header...)
}
