package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"

	"ais/api"
	"ais/object"
)

// failures are what went wrong with single ones of many files or objects, while
// the others went on. Its methods may be called at once.
type failures struct {
	mu   sync.Mutex
	list []failure
}

type failure struct {
	name string
	err  error
}

// add notes an error that is about one file or object alone, and returns any other.
func (f *failures) add(name string, err error) error {
	var local *fs.PathError
	var link *os.LinkError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC): // nor is there room for the others
	case errors.As(err, &local), errors.As(err, &link), errors.Is(err, api.ErrShortContent), errors.Is(err, errFileChanged), errors.Is(err, errNoFileName), errors.Is(err, errThere),
		errors.Is(err, object.KeyTooLong), errors.Is(err, object.Invalid), errors.Is(err, object.NotFound), errors.Is(err, object.Corrupt):
		f.mu.Lock()
		defer f.mu.Unlock()
		f.list = append(f.list, failure{name, err})
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// mostShown is how many failures are named.
const mostShown = 20

// err returns what the command ends with, nil where nothing was noted. did is what
// was done with the others, "put" or "got".
func (f *failures) err(did string, others int, a *app) error {
	if len(f.list) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s not %s, %d %s:", wereNot(len(f.list)), did, others, wasOrWere(others))
	for i, one := range f.list {
		if i == mostShown {
			fmt.Fprintf(&b, "\n  and %d more", len(f.list)-mostShown)
			break
		}
		text, _ := explain(one.err, a)
		if !strings.Contains(text, one.name) {
			text = one.name + ": " + text
		}
		b.WriteString("\n  " + text)
	}
	return errors.New(b.String())
}

func wereNot(n int) string { return fmt.Sprintf("%d %s", n, wasOrWere(n)) }

func wasOrWere(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}
