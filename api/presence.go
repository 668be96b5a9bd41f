package api

// The values of Presence. The cluster is where a bucket is present that is known in it.
const (
	Existing          Presence = iota // in the cluster, or at a remote
	ExistingNoProps                   // likewise; only whether
	PresentHere                       // in the cluster
	PresentNoProps                    // likewise; only whether
	PresentAnywhere                   // in the cluster, in whatever state
	ExistingElsewhere                 // at a remote, and not in the cluster
)

// Here reports whether only what is in the cluster is meant.
func (p Presence) Here() bool { return p >= PresentHere && p <= PresentAnywhere }

// NoProps reports whether nothing but the existence is asked for.
func (p Presence) NoProps() bool { return p == ExistingNoProps || p == PresentNoProps }
