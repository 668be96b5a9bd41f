package auth

// Identity is who sends a request.
type Identity struct {
	ID          string    // canonical user id; "" is anonymous
	Name        string    // in ARNs: arn:aws:iam:::user/Name
	DisplayName string    // in listings and ACLs
	Admin       bool      // may do everything that no explicit deny forbids
	Policies    []*Policy // the user's own
	Session     *Policy   // bounds what a session may do; nil is no bound
}

// Anonymous reports whether the request came without credentials.
func (i *Identity) Anonymous() bool { return i == nil || i.ID == "" }
