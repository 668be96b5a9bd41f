package auth

import "strings"

// principals say of whom a statement of a bucket's policy speaks.
type principals struct {
	any   bool     // everybody, who is anonymous too
	ids   []string // users by their ID only
	names []string // users by their ID or name
}

const errPrincipal = PolicyError("Invalid principal in policy")

// compilePrincipals reads "*", or an object whose members are AWS, CanonicalUser,
// Service and Federated. The last two are never anybody here.
func compilePrincipals(n node) (principals, error) {
	var p principals
	if n.quoted {
		p.any = n.text == "*"
		if !p.any {
			return p, errPrincipal
		}
		return p, nil
	}
	if len(n.members) == 0 {
		return p, errPrincipal
	}
	for _, m := range n.members {
		texts, ok := m.value.strings()
		if !ok {
			return p, errPrincipal
		}
		for _, text := range texts {
			if err := p.add(m.name, text); err != nil {
				return p, err
			}
		}
	}
	return p, nil
}

func (p *principals) add(kind, text string) error {
	if text == "" {
		return errPrincipal
	}
	switch {
	case kind == "Service" || kind == "Federated":
		return nil
	case kind != "AWS" && kind != "CanonicalUser":
		return errPrincipal
	case text == "*":
		p.any = true
		return nil
	case strings.ContainsAny(text, "*?"):
		return errPrincipal
	case kind == "CanonicalUser":
		p.ids = append(p.ids, text)
		return nil
	case strings.HasPrefix(text, "arn:"):
		return p.addARN(text)
	}
	p.names = append(p.names, text)
	return nil
}

// addARN reads arn:<partition>:iam::<account>:user/<path><name>, and …:root, which is
// the user whose ID is the account. Roles and sessions of roles are legal, and
// nobody.
func (p *principals) addARN(arn string) error {
	part := strings.SplitN(arn, ":", 6)
	if len(part) < 6 || part[2] != "iam" && part[2] != "sts" {
		return errPrincipal
	}
	account, resource := part[4], part[5]
	if resource == "root" && account != "" {
		p.ids = append(p.ids, account)
		return nil
	}
	kind, path, _ := strings.Cut(resource, "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case name == "":
		return errPrincipal
	case kind == "user":
		p.names = append(p.names, name)
	case kind != "role" && kind != "assumed-role" && kind != "federated-user":
		return errPrincipal
	}
	return nil
}

// match reports whether who is among p.
func (p *principals) match(who *Identity) bool {
	if p.any {
		return true
	}
	if who.Anonymous() {
		return false
	}
	for _, id := range p.ids {
		if id == who.ID {
			return true
		}
	}
	for _, name := range p.names {
		if name == who.ID || name == who.Name {
			return true
		}
	}
	return false
}
