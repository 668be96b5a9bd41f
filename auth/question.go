package auth

import (
	"net/netip"
	"strings"
)

// question is an Access while it is decided about: what of it is worth looking up
// only once.
type question struct {
	a        *Access
	row      *action
	number   int    // the row's, -1 for an action that is not S3's
	resource string // bucket or bucket/key, as patterns of resources see it
	unsure   bool   // a value was asked for that only the object has

	one     [1]string // what values returns where it makes it itself
	memo    [8]known  // of Context, which may be slow, the first few
	memos   int
	text    string // the address that was parsed last
	address netip.Addr
}

// known is what Context said of a key.
type known struct {
	key    string
	values []string
}

var foreignAction = &action{kind: foreign}

func ask(a *Access) *question {
	q := &question{a: a, number: -1, row: foreignAction, resource: a.Bucket}
	if n, ok := actionNumber[a.Action]; ok {
		q.number, q.row = n, &actions[n]
	}
	if a.Key != "" {
		q.resource = a.Bucket + "/" + a.Key
	}
	return q
}

// object returns what is known of the object, as far as it matters to the action:
// known is false where that is to be waited for.
func (q *question) object() (o *ObjectRules, known bool) {
	if q.row.traits&reads == 0 || q.isOfWriter() {
		return nil, true
	}
	return q.a.Object, q.a.Object != nil
}

// values returns the values of a condition key, none if the request has it not.
// known is false where only the object could tell.
func (q *question) values(key string) (values []string, known bool) {
	if tag, ok := strings.CutPrefix(key, existingTag); ok {
		o, known := q.object()
		if !known {
			q.unsure = true
			return nil, false
		}
		if o == nil {
			return nil, true
		}
		value, ok := o.Tags[tag]
		return q.only(value, ok), true
	}
	if value, ok, mine := q.identity(key); mine {
		return q.only(value, ok), true
	}
	return q.context(key), true
}

func (q *question) context(key string) []string {
	for i := range q.memos {
		if q.memo[i].key == key {
			return q.memo[i].values
		}
	}
	if q.a.Context == nil {
		return nil
	}
	values, ok := q.a.Context(key)
	if !ok {
		values = nil
	}
	if q.memos < len(q.memo) {
		q.memo[q.memos] = known{key, values}
		q.memos++
	}
	return values
}

// parseAddress returns the address in text, the zero one if there is none.
func (q *question) parseAddress(text string) netip.Addr {
	if q.text != text || text == "" {
		a, _ := netip.ParseAddr(text)
		q.text, q.address = text, a.Unmap().WithZone("")
	}
	return q.address
}

func (q *question) only(value string, ok bool) []string {
	if !ok {
		return nil
	}
	q.one[0] = value
	return q.one[:]
}

// identity answers the keys about who asks and whose the bucket is. mine is false
// for all others.
func (q *question) identity(key string) (value string, ok, mine bool) {
	who := q.a.Who
	known := !who.Anonymous()
	switch key {
	case "aws:username":
		return who.UserName(), known, true
	case "aws:userid":
		if !known {
			return "anonymous", true, true
		}
		return who.ID, true, true
	case "aws:principalarn":
		return who.ARN(), known, true
	case "aws:principalaccount":
		if !known {
			return "", false, true
		}
		return who.ID, true, true
	case "aws:principaltype":
		if !known {
			return "Anonymous", true, true
		}
		return "User", true, true
	case "aws:principalisawsservice":
		return "false", true, true
	case "s3:resourceaccount", "aws:resourceaccount":
		if q.a.Rules == nil || q.a.Rules.Owner == "" {
			return "", false, true
		}
		return q.a.Rules.Owner, true, true
	}
	return "", false, false
}

// value returns the value of a key for use in a pattern, if it has exactly one.
func (q *question) value(key string) (string, bool) {
	values, known := q.values(key)
	if !known || len(values) != 1 {
		return "", false
	}
	return values[0], true
}
