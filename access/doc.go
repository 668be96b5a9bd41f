// Package access answers, for a node of either kind, who sends a request and
// whether they may: it joins the users in the cluster's state, the signatures
// that package s3api verifies and the rules that package auth decides by.
//
// It stores nothing and serves nothing. A node that has decided about a request
// tells the owner of the object so in a ticket (Grant), which the owner reads back
// with the same package (Accept).
package access
