package auth

import (
	"errors"
	"slices"
	"strings"
)

// MaxPolicy is the longest policy document, in bytes (S3: 20 KiB).
const MaxPolicy = 20 << 10

// PolicyError says, in words for the author, why a document is no policy.
type PolicyError string

// Error returns the reason.
func (e PolicyError) Error() string { return string(e) }

// Policy is a policy document, parsed and ready to be evaluated. It is safe for
// concurrent use.
type Policy struct {
	statements []statement
	actions    []actionSet // of the statements, next to each other
	public     bool
}

// statement is one of a policy, which applies where all of it does.
type statement struct {
	deny         bool
	actions      actionSet // of S3's
	others       []pattern // all patterns of actions, for what is not S3's
	notAction    bool      // others is what it does not apply to; actions is not affected
	everybody    bool      // no principals: the policy is its user's
	principals   principals
	notPrincipal bool
	resources    []pattern // of bucket, or bucket/key
	notResource  bool
	resourceText string // what they were compiled of
	resourceSlot int    // see memory
	conditions   []condition
}

// ParsePolicy reads the policy of a bucket. The error is a PolicyError.
func ParsePolicy(document []byte) (*Policy, error) { return parsePolicy(document, true) }

// ParseUserPolicy reads the policy of a user or of a session, in which nothing
// is said about principals. The error is a PolicyError.
func ParseUserPolicy(document []byte) (*Policy, error) { return parsePolicy(document, false) }

func parsePolicy(document []byte, ofBucket bool) (*Policy, error) {
	root, err := readDocument(document)
	if err != nil {
		return nil, err
	}
	c := compiler{ofBucket: ofBucket}
	var list []node
	for _, m := range root.members {
		switch m.name {
		case "Version":
			switch m.value.text {
			case "2012-10-17":
				c.variables = true
			case "2008-10-17":
			default:
				return nil, PolicyError("Policy has a Version that is neither 2012-10-17 nor 2008-10-17")
			}
		case "Id":
			if !m.value.quoted {
				return nil, PolicyError("Policy has an Id that is not text")
			}
		case "Statement":
			if list = m.value.list; m.value.members != nil {
				list = []node{m.value}
			}
		default:
			return nil, PolicyError("Policy has an unknown element: " + m.name)
		}
	}
	if len(list) == 0 {
		return nil, PolicyError("Policy has no Statement")
	}
	statements := make([]statement, len(list))
	sids := make(map[string]bool)
	for i, n := range list {
		s, sid, err := c.statement(n)
		if err != nil {
			return nil, err
		}
		if sid != "" && sids[sid] {
			return nil, PolicyError("Statement IDs (SID) in a single policy must be unique: " + sid)
		}
		sids[sid] = true
		statements[i] = s
	}
	return newPolicy(statements), nil
}

func newPolicy(statements []statement) *Policy {
	p := &Policy{statements: statements, actions: make([]actionSet, len(statements))}
	for i := range statements {
		p.actions[i] = statements[i].actions
		p.public = p.public || statements[i].public()
	}
	share(statements)
	return p
}

// compiler reads the statements of one policy.
type compiler struct {
	ofBucket  bool
	variables bool // count, as the Version says
}

func (c compiler) statement(n node) (s statement, sid string, err error) {
	if n.members == nil {
		return s, "", PolicyError("Policy has a Statement that is no object")
	}
	has := make(map[string]bool)
	var conditions node
	for _, m := range n.members {
		has[m.name] = true
		switch m.name {
		case "Sid":
			if sid = m.value.text; !m.value.quoted {
				err = PolicyError("Policy has a Sid that is not text")
			}
		case "Effect":
			if s.deny = m.value.text == "Deny"; !s.deny && m.value.text != "Allow" {
				err = PolicyError("Policy has an Effect that is neither Allow nor Deny")
			}
		case "Principal", "NotPrincipal":
			s.notPrincipal = m.name == "NotPrincipal"
			s.principals, err = compilePrincipals(m.value)
		case "Action", "NotAction":
			s.notAction = m.name == "NotAction"
			err = c.actions(&s, m.value)
		case "Resource", "NotResource":
			s.notResource = m.name == "NotResource"
			err = c.resources(&s, m.value)
		case "Condition":
			conditions = m.value
			if conditions.members == nil {
				err = PolicyError("Policy has a Condition that is no object")
			}
		default:
			err = PolicyError("Policy has an unknown element: " + m.name)
		}
		if err != nil {
			return s, sid, err
		}
	}
	if err := c.complete(&s, has); err != nil {
		return s, sid, err
	}
	s.conditions, err = compileConditions(conditions, s.deny, c.variables)
	return s, sid, err
}

// complete checks that a statement has what it must, and nothing twice.
func (c compiler) complete(s *statement, has map[string]bool) error {
	principal := has["Principal"] || has["NotPrincipal"]
	switch {
	case !has["Effect"]:
		return PolicyError("Missing required field Effect")
	case has["Action"] == has["NotAction"]:
		return PolicyError("A Statement must have either Action or NotAction")
	case has["Resource"] == has["NotResource"]:
		return PolicyError("A Statement must have either Resource or NotResource")
	case has["Principal"] && has["NotPrincipal"]:
		return PolicyError("A Statement must have either Principal or NotPrincipal")
	case c.ofBucket && !principal:
		return PolicyError("Missing required field Principal")
	case !c.ofBucket && principal:
		return PolicyError("A user's policy must not have a Principal")
	case has["NotPrincipal"] && !s.deny:
		return PolicyError("Allow with NotPrincipal is not allowed")
	}
	s.everybody = !principal
	return nil
}

// actions compiles the patterns of Action or NotAction. Those of a bucket's policy
// must be S3's.
func (c compiler) actions(s *statement, n node) error {
	texts, ok := n.strings()
	if !ok {
		return PolicyError("Policy has no action in a Statement")
	}
	for _, text := range texts {
		p, err := compilePattern(text, true, false, true)
		if err != nil {
			return err
		}
		known := s.actions.addMatching(p)
		vendor, name, found := strings.Cut(text, ":")
		switch {
		case c.ofBucket && !known, text != "*" && (!found || name == "" || !isWord(vendor, "-*?")):
			return PolicyError("Policy has invalid action: " + text)
		}
		s.others = append(s.others, p)
	}
	if s.notAction {
		for i := range s.actions {
			s.actions[i] = ^s.actions[i]
		}
	}
	return nil
}

// resources compiles the ARNs of Resource or NotResource. In a user's policy one
// that is not S3's is legal, and nothing here.
func (c compiler) resources(s *statement, n node) error {
	texts, ok := n.strings()
	if !ok {
		return PolicyError("Policy has no resource in a Statement")
	}
	s.resourceText = quoteAll(texts)
	for _, text := range texts {
		rest, ours, err := cutARN(text)
		if err != nil || c.ofBucket && !ours {
			return PolicyError("Policy has invalid resource: " + text)
		}
		if !ours {
			continue
		}
		p, err := compilePattern(rest, true, c.variables, false)
		if err != nil {
			return err
		}
		s.resources = append(s.resources, p)
	}
	return nil
}

var errARN = errors.New("auth: not an ARN")

// cutARN returns what an ARN says of bucket and key, and whether it is S3's. "*" is
// everything.
func cutARN(text string) (rest string, ours bool, err error) {
	if text == "*" {
		return text, true, nil
	}
	part := strings.SplitN(text, ":", 6)
	if len(part) < 6 || part[0] != "arn" || part[1] == "" || part[2] == "" || part[5] == "" {
		return "", false, errARN
	}
	ours = plainMatch(part[2], "s3") && plainMatch(part[3], "") && plainMatch(part[4], "")
	return part[5], ours, nil
}

// plainMatch reports whether text, with its wildcards, matches s.
func plainMatch(text, s string) bool {
	p, err := compilePattern(text, true, false, false)
	return err == nil && p.match(s)
}

// CheckBucket returns a PolicyError where p names a resource that is not the
// bucket or in it.
func (p *Policy) CheckBucket(bucket string) error {
	for _, s := range p.statements {
		for _, r := range s.resources {
			glob := r.open()
			if !matchGlob(glob, bucket) && !canBegin(glob, bucket+"/") {
				return PolicyError("Policy has invalid resource: it is not of bucket " + bucket)
			}
		}
	}
	return nil
}

// Public reports whether p, of a bucket, is public in the meaning of S3's public
// access block: it allows something to anybody, not to named users or fixed
// networks only. nil is not.
func (p *Policy) Public() bool { return p != nil && p.public }

func (s *statement) public() bool {
	return !s.deny && s.principals.any && !slices.ContainsFunc(s.conditions, condition.restricts)
}

// evaluate says whether p allows what is asked, and whether it denies it. nil does
// neither.
func (p *Policy) evaluate(q *question) (allow, deny answer) {
	if p == nil {
		return no, no
	}
	var m memory
	for i := range p.statements {
		if q.number >= 0 && !p.actions[i].has(q.number) {
			continue
		}
		s := &p.statements[i]
		to := &allow
		if s.deny {
			to = &deny
		}
		if *to < yes && s.isAbout(q) {
			*to = max(*to, s.applies(q, &m))
		}
		if deny == yes {
			break
		}
	}
	return allow, deny
}

// isAbout reports whether the statement, which has the action if it is S3's, is
// about it and the principal: what most statements are not.
func (s *statement) isAbout(q *question) bool {
	if q.number < 0 && s.notAction == slices.ContainsFunc(s.others, func(p pattern) bool { return p.match(q.a.Action) }) {
		return false
	}
	return s.everybody || s.principals.match(q.a.Who) != s.notPrincipal
}

// applies is isAbout for the resource and the conditions.
func (s *statement) applies(q *question, m *memory) answer {
	result, known := m.recall(s.resourceSlot)
	if !known {
		result = s.matchesResource(q)
		m.learn(s.resourceSlot, result)
	}
	for i := range s.conditions {
		if result == no {
			return no
		}
		c := &s.conditions[i]
		holds, known := m.recall(c.slot)
		if !known {
			holds = c.holds(q, m)
			m.learn(c.slot, holds)
		}
		result = min(result, holds)
	}
	return result
}

func (s *statement) matchesResource(q *question) answer {
	q.unsure = false
	for i := range s.resources {
		if r := &s.resources[i]; r.mayMatch(q.resource) {
			if matched, _ := r.matchWith(q.resource, q); matched {
				return answerOf(!s.notResource)
			}
		}
	}
	if q.unsure {
		return maybe
	}
	return answerOf(s.notResource)
}
