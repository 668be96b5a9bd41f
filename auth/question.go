package auth

import (
	"net/netip"
	"strings"
	"time"
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

	// Likewise what else was made of a value last, for the next statement.
	dateText string
	date     time.Time
	isDate   bool
	arnText  string
	arn      [6]string
	isARN    bool
	foldOf   string
	folded   string
	whoARN   string
	room     []byte // for a pattern's variables
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

// source is where the values of a condition key come from.
type source uint8

const (
	ofRequest source = iota
	ofIdentity
	ofObject
)

func sourceOf(key string) source {
	switch key {
	case "aws:username", "aws:userid", "aws:principalarn", "aws:principalaccount", "aws:principaltype",
		"aws:principalisawsservice", "s3:resourceaccount", "aws:resourceaccount":
		return ofIdentity
	}
	if strings.HasPrefix(key, existingTag) {
		return ofObject
	}
	return ofRequest
}

// values returns the values of a condition key, none if the request has it not.
// known is false where only the object could tell.
func (q *question) values(key string, from source) (values []string, known bool) {
	switch from {
	case ofIdentity:
		return q.only(q.identity(key)), true
	case ofObject:
		o, known := q.object()
		if !known {
			q.unsure = true
			return nil, false
		}
		if o == nil {
			return nil, true
		}
		value, ok := o.Tags[key[len(existingTag):]]
		return q.only(value, ok), true
	}
	return q.context(key), true
}

func (q *question) only(value string, ok bool) []string {
	if !ok {
		return nil
	}
	q.one[0] = value
	return q.one[:]
}

// identity answers the keys about who asks and whose the bucket is.
func (q *question) identity(key string) (value string, ok bool) {
	who := q.a.Who
	known := !who.Anonymous()
	switch key {
	case "aws:username":
		return who.UserName(), known
	case "aws:userid":
		if !known {
			return "anonymous", true
		}
		return who.ID, true
	case "aws:principalarn":
		if q.whoARN == "" {
			q.whoARN = who.ARN()
		}
		return q.whoARN, known
	case "aws:principalaccount":
		if !known {
			return "", false
		}
		return who.ID, true
	case "aws:principaltype":
		if !known {
			return "Anonymous", true
		}
		return "User", true
	case "aws:principalisawsservice":
		return "false", true
	}
	if q.a.Rules == nil { // s3:ResourceAccount
		return "", false
	}
	return q.a.Rules.Owner, q.a.Rules.Owner != ""
}

// context returns the values of a key of the request.
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

// parseDate is the package's, remembered.
func (q *question) parseDate(text string) (time.Time, bool) {
	if q.dateText != text || text == "" {
		q.dateText = text
		q.date, q.isDate = parseDate(text)
	}
	return q.date, q.isDate
}

// splitARN returns the six parts of an ARN.
func (q *question) splitARN(text string) (*[6]string, bool) {
	if q.arnText != text || text == "" {
		q.arnText = text
		i := 0
		for ; i < 5; i++ {
			part, rest, ok := strings.Cut(text, ":")
			if !ok {
				break
			}
			q.arn[i], text = part, rest
		}
		q.arn[5], q.isARN = text, i == 5
	}
	return &q.arn, q.isARN
}

// fold is foldText, remembered.
func (q *question) fold(text string) string {
	if q.foldOf != text {
		q.foldOf, q.folded = text, foldText(text)
	}
	return q.folded
}

// value returns the value of a key for use in a pattern, if it has exactly one.
func (q *question) value(key string) (string, bool) {
	values, known := q.values(key, sourceOf(key))
	if !known || len(values) != 1 {
		return "", false
	}
	return values[0], true
}
