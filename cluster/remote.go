package cluster

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"ais/object"
)

// BackendConfig says where remote buckets live, and as whom targets go there,
// where a bucket does not say otherwise.
type BackendConfig struct {
	Enabled   bool          // remote buckets can be used, and are looked for
	Endpoint  string        // URL; "" is Amazon's own
	Region    string        // "" is the AWS configuration's, or found out
	Profile   string        // of the AWS configuration files; "" is the default credential chain
	PathStyle string        // auto, true or false
	Timeout   time.Duration // of a remote operation, and for a body to make progress
	Presigned string        // the order in which the hosts that a client may have signed for are tried
}

// LookupTimeout is the longest that a remote store is waited for to say whether it
// has a bucket.
func (c *BackendConfig) LookupTimeout() time.Duration { return min(5*time.Second, c.Timeout) }

// ErrNoBackend is why remote buckets cannot be used.
var ErrNoBackend = errors.New("remote buckets are not enabled: ais config cluster backend.aws.enabled=true")

// The forms of an S3 URL, for BackendConfig.Presigned.
const (
	PresignedHost   = "host"   // https://BUCKET.s3.REGION.amazonaws.com/KEY, or below the endpoint
	PresignedPath   = "path"   // https://s3.REGION.amazonaws.com/BUCKET/KEY, or at the endpoint
	PresignedLegacy = "legacy" // https://BUCKET.s3.amazonaws.com/KEY
)

// LRUConfig says how remote objects that were not read for long make room.
type LRUConfig struct {
	Enabled   bool          // lru.enabled of remote buckets that are added
	DontEvict time.Duration // what was used this recently stays
	Interval  time.Duration // between two looks at how full the mountpaths are
}

// SpaceConfig is the watermarks of a mountpath, in percent of its capacity.
type SpaceConfig struct {
	LowWM      int // eviction ends here
	HighWM     int // eviction begins here
	OutOfSpace int // remote objects are not kept above it
}

// RemoteProps are a bucket's own settings of the store behind it; what is empty is
// as BackendConfig has it.
type RemoteProps struct {
	Endpoint  string
	Region    string
	Profile   string
	PathStyle string
	PartSize  int64 // of uploads in parts; 0 is the default
}

// Remote returns the name of the remote bucket that this one stands for: its own
// name, or that of the bucket that an ais:// one was put in front of.
func (b *Bucket) Remote() (name string, ok bool) {
	if b.Provider == object.AWS {
		return b.Name, true
	}
	return strings.TrimPrefix(b.Props.BackendBck, backendScheme), b.Props.BackendBck != ""
}

// S3Bucket returns the bucket that an S3 request means: that of provider where it
// names one; else, of two that share the name, that of the setting s3.provider. It
// may be in any state.
func (s *State) S3Bucket(provider object.Provider, name string) (*Bucket, bool) {
	if provider != "" {
		return s.Bucket(provider, name)
	}
	if b, ok := s.Bucket(s.Config.S3Provider, name); ok {
		return b, true
	}
	other := object.AWS
	if s.Config.S3Provider == object.AWS {
		other = object.AIS
	}
	return s.Bucket(other, name)
}

// LookUpNodes returns the live targets in the order in which they are asked about
// what is at a remote, until one answers; it is another order for another name.
func (s *State) LookUpNodes(name string) []Node {
	digest := object.HashString(name)
	var live []Node
	for i, n := range s.nodes {
		if n.Kind == Target && s.alive[i] {
			live = append(live, n)
		}
	}
	score := func(n Node) float64 { return object.Score(digest, object.HashString(n.ID), 1) }
	slices.SortFunc(live, func(a, b Node) int { return cmp.Compare(score(b), score(a)) })
	return live
}

const backendScheme = "aws://"

// setBackendBck reads the name of a remote bucket: aws://name or s3://name, "" or
// none for none.
func setBackendBck(to *string, s string) error {
	if s == "" || s == "none" {
		*to = ""
		return nil
	}
	scheme, name, ok := strings.Cut(s, "://")
	if provider, err := object.ParseProvider(scheme); !ok || err != nil || provider != object.AWS || object.CheckBucketName(name) != nil {
		return errIllegal
	}
	*to = backendScheme + name
	return nil
}

// Features is a set of switches, one bit each, with AIStore's numbers where it has
// the switch.
type Features uint64

// The features.
const (
	PresignedRequests Features = 1 << 9  // requests that clients presigned for S3 are executed there as they are
	SignedRequests    Features = 1 << 62 // so are those with a signature in their headers
)

var featureNames = []struct {
	bit  Features
	name string
}{
	{PresignedRequests, "S3-Presigned-Request"},
	{SignedRequests, "S3-Signed-Request"},
}

// featureLegal says what a value of features may be.
const featureLegal = "S3-Presigned-Request, S3-Signed-Request, several with commas between them, their number, or none"

// Has reports whether all of the features are on.
func (f Features) Has(of Features) bool { return f&of == of }

// Names returns the names of the features that are on, with commas between them;
// "none" where there is none.
func (f Features) Names() string {
	var names []string
	for _, feature := range featureNames {
		if f.Has(feature.bit) {
			names = append(names, feature.name)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ",")
}

func setFeatures(to *Features, s string) error {
	var f, known Features
	for _, feature := range featureNames {
		known |= feature.bit
	}
	for word := range strings.FieldsFuncSeq(s, func(c rune) bool { return c == ',' || c == ' ' || c == ';' }) {
		if n, err := strconv.ParseUint(word, 0, 64); err == nil {
			f |= Features(n)
			continue
		}
		found := strings.EqualFold(word, "none")
		for _, feature := range featureNames {
			if strings.EqualFold(word, feature.name) {
				f, found = f|feature.bit, true
			}
		}
		if !found {
			return errIllegal
		}
	}
	if f&^known != 0 {
		return errIllegal
	}
	*to = f
	return nil
}
