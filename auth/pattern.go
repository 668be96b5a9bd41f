package auth

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// In a compiled pattern the wildcards are bytes that no UTF-8 text has, so that
// a literal "*" (written ${*}) is told from them.
const (
	anything = 0xff // "*": any text
	anyone   = 0xfe // "?": one character
)

// pattern is a text with wildcards, and in policies of 2012 with variables.
type pattern struct {
	glob   string     // where there are no variables
	pieces []string   // of the glob, between its "*"; nil where it has a "?"
	vars   []variable // where there are
	first  string     // with variables: what any match begins with
	last   string     // and ends with
	fold   bool       // letters count as equal in either case
}

// variable is a piece of a pattern: a glob, then the value of a condition key.
type variable struct {
	glob     string
	key      string // lower case; "" for none, in the last piece
	fallback string
	hasElse  bool // there is a fallback
}

// foldText returns s as texts are compared that differ in case only.
func foldText(s string) string { return strings.ToLower(s) }

// compilePattern makes a pattern of text. Wildcards count if wild is set, variables
// (${key}, ${key, 'default'}, and the escapes ${*}, ${?} and ${$}) if vars is.
func compilePattern(text string, wild, vars, fold bool) (pattern, error) {
	p := pattern{fold: fold}
	if !utf8.ValidString(text) {
		return p, PolicyError("Policy has text that is not UTF-8")
	}
	var glob strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case vars && strings.HasPrefix(text[i:], "${"):
			size = 1 + strings.IndexByte(text[i:], '}')
			if size == 0 {
				return p, PolicyError("Policy has a variable that does not end: " + text)
			}
			name := text[i+2 : i+size-1]
			if name == "*" || name == "?" || name == "$" {
				glob.WriteString(name)
				break
			}
			v, err := compileVariable(name)
			if err != nil {
				return p, err
			}
			v.glob = glob.String()
			glob.Reset()
			p.vars = append(p.vars, v)
		case wild && r == '*':
			glob.WriteByte(anything)
		case wild && r == '?':
			glob.WriteByte(anyone)
		case fold:
			glob.WriteRune(unicode.ToLower(r))
		default:
			glob.WriteRune(r)
		}
		i += size
	}
	if p.vars == nil {
		p.glob = glob.String()
		if strings.IndexByte(p.glob, anyone) < 0 {
			p.pieces = strings.Split(p.glob, string([]byte{anything}))
		}
	} else {
		p.vars = append(p.vars, variable{glob: glob.String()})
		first, last := p.vars[0].glob, p.vars[len(p.vars)-1].glob
		for n := 0; n < len(first) && first[n] < anyone; n++ {
			p.first = first[:n+1]
		}
		for n := len(last); n > 0 && last[n-1] < anyone; n-- {
			p.last = last[n-1:]
		}
	}
	return p, nil
}

// mayMatch reports whether p can match s, whatever values its variables have.
func (p *pattern) mayMatch(s string) bool {
	return p.vars == nil || p.fold || strings.HasPrefix(s, p.first) && strings.HasSuffix(s, p.last)
}

// compileVariable reads what stands between ${ and }.
func compileVariable(text string) (variable, error) {
	key, fallback, hasElse := strings.Cut(text, ",")
	v := variable{key: conditionKey(strings.TrimSpace(key)), hasElse: hasElse}
	if hasElse {
		fallback = strings.TrimSpace(fallback)
		if len(fallback) < 2 || fallback[0] != '\'' || fallback[len(fallback)-1] != '\'' {
			return v, PolicyError("Policy has a variable whose default is not in single quotes: " + text)
		}
		v.fallback = fallback[1 : len(fallback)-1]
	}
	if v.key == "" || strings.ContainsAny(v.key, "${*?' ") {
		return v, PolicyError("Policy has a variable without a name that may be: " + text)
	}
	return v, nil
}

// match reports whether p, which has no variables, matches all of s.
func (p *pattern) match(s string) bool {
	if p.fold {
		s = foldText(s)
	}
	if p.pieces != nil {
		return matchPieces(p.pieces, s)
	}
	return matchGlob(p.glob, s)
}

// matchPieces reports whether s begins with the first piece, ends with the last, and
// has the others in between, in their order: what a glob without "?" asks for.
func matchPieces(pieces []string, s string) bool {
	last := len(pieces) - 1
	if last == 0 {
		return s == pieces[0]
	}
	if !strings.HasPrefix(s, pieces[0]) {
		return false
	}
	s = s[len(pieces[0]):]
	if !strings.HasSuffix(s, pieces[last]) {
		return false
	}
	s = s[:len(s)-len(pieces[last])]
	for _, piece := range pieces[1:last] {
		i := strings.Index(s, piece)
		if i < 0 {
			return false
		}
		s = s[i+len(piece):]
	}
	return true
}

// matchWith is match for a pattern that may have variables. resolved is false
// where one of them has no value: nothing matches then.
func (p *pattern) matchWith(s string, q *question) (matches, resolved bool) {
	if p.fold {
		s = q.fold(s)
	}
	if p.vars == nil {
		if p.pieces != nil {
			return matchPieces(p.pieces, s), true
		}
		return matchGlob(p.glob, s), true
	}
	glob, ok := p.resolve(q)
	return ok && matchGlob(glob, s), ok
}

// resolve returns the glob with the values of its variables, which match
// themselves only, whatever is in them. It is good until the next call.
func (p *pattern) resolve(q *question) ([]byte, bool) {
	b := q.room[:0]
	for i := range p.vars {
		v := &p.vars[i]
		b = append(b, v.glob...)
		if v.key == "" {
			continue
		}
		value, ok := q.value(v.key)
		if !ok {
			value, ok = v.fallback, v.hasElse
		}
		if !ok || !utf8.ValidString(value) { // no byte of UTF-8 is a wildcard
			return nil, false
		}
		if p.fold {
			value = foldText(value)
		}
		b = append(b, value...)
	}
	q.room = b
	return b, true
}

// open returns p's glob with any text in place of variables: it matches whatever
// p can match.
func (p *pattern) open() string {
	if p.vars == nil {
		return p.glob
	}
	var b strings.Builder
	for _, v := range p.vars {
		b.WriteString(v.glob)
		if v.key != "" {
			b.WriteByte(anything)
		}
	}
	return b.String()
}

// matchGlob reports whether the compiled glob matches all of s. It takes time in
// proportion to both lengths at worst.
func matchGlob[T string | []byte](glob T, s string) bool {
	g, i := 0, 0
	star, from := -1, 0 // the last "*", and where what follows it is tried next
	for i < len(s) {
		if g < len(glob) {
			switch glob[g] {
			case anything:
				if g == len(glob)-1 {
					return true
				}
				star, from = g, i
				g++
				continue
			case anyone:
				_, size := utf8.DecodeRuneInString(s[i:])
				g, i = g+1, i+size
				continue
			case s[i]:
				g, i = g+1, i+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		g, i = star+1, from
	}
	for g < len(glob) && glob[g] == anything {
		g++
	}
	return g == len(glob)
}

// canBegin reports whether the glob matches some text that begins with prefix.
func canBegin(glob, prefix string) bool {
	alive := make([]bool, len(glob)+1)
	alive[0] = true
	for i := 0; ; {
		left := false
		for g := range alive { // "*" may also stand for nothing
			if !alive[g] {
				continue
			}
			left = true
			if g < len(glob) && glob[g] == anything {
				alive[g+1] = true
			}
		}
		if i == len(prefix) || !left {
			return left
		}
		r, size := utf8.DecodeRuneInString(prefix[i:])
		next := make([]bool, len(alive))
		for g := range glob {
			if !alive[g] {
				continue
			}
			switch {
			case glob[g] == anything:
				next[g] = true
			case glob[g] == anyone:
				next[g+1] = true
			case r < utf8.RuneSelf && glob[g] == byte(r):
				next[g+1] = true
			}
		}
		alive, i = next, i+size
	}
}

// conditionKey returns a condition key as it is looked up: in lower case, but for
// the key of a tag, which follows a "/".
func conditionKey(key string) string {
	name, tag, ok := strings.Cut(key, "/")
	name = strings.ToLower(name)
	if !ok {
		return name
	}
	return name + "/" + tag
}

// isWord reports whether s is letters, digits and the given others only, and
// not empty.
func isWord(s, others string) bool {
	for _, r := range s {
		if r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(others, r) {
			return false
		}
	}
	return s != ""
}
