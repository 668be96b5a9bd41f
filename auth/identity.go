package auth

// Identity is who sends a request.
type Identity struct {
	ID          string    // canonical user id; "" is anonymous
	Name        string    // in ARNs: arn:aws:iam:::user/Name; "" is the ID
	DisplayName string    // in listings and ACLs
	Admin       bool      // may do everything that no explicit deny forbids
	Policies    []*Policy // the user's own
	Session     *Policy   // bounds what a session may do; nil is no bound
}

// Anonymous reports whether the request came without credentials.
func (i *Identity) Anonymous() bool { return i == nil || i.ID == "" }

func (i *Identity) isAdmin() bool { return i != nil && i.Admin }

// UserName returns the name in ARNs; "" for who is anonymous.
func (i *Identity) UserName() string {
	switch {
	case i.Anonymous():
		return ""
	case i.Name == "":
		return i.ID
	}
	return i.Name
}

// ARN returns the identity's ARN; "*" for who is anonymous.
func (i *Identity) ARN() string {
	if i.Anonymous() {
		return "*"
	}
	return "arn:aws:iam:::user/" + i.UserName()
}
