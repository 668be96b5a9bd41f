package cluster

import (
	"errors"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ais/object"
)

// Props are the properties of a bucket, with AIStore's names.
type Props struct {
	Checksum   ChecksumProps
	Durability object.Durability
	Multipart  MultipartProps
	Versioning VersioningProps
	Access     Access
	BackendBck string // aws://name of the remote bucket behind an ais:// one; "" is none
	Remote     RemoteProps
	LRU        LRUProps
	Features   Features // besides the cluster's
	Copies     int      // of each object, on as many targets
	Mirror     MirrorProps
}

// MirrorProps say whether a target keeps several copies of its objects, on different
// mountpaths of its own, so that a disk may fail.
type MirrorProps struct {
	Enabled     bool
	Copies      int // while it is enabled
	BurstBuffer int // how many objects may wait for their other copies at a time
}

// Count returns how many copies a target keeps of an object: 1 at least.
func (m MirrorProps) Count() int {
	if !m.Enabled {
		return 1
	}
	return max(m.Copies, 1)
}

// LRUProps say whether objects that were not read for long are removed where
// their mountpath fills up. What the remote bucket does not have never is.
type LRUProps struct {
	Enabled bool
}

// ChecksumProps say how content is digested at rest and when it is verified.
type ChecksumProps struct {
	Type            object.Algorithm
	ValidateWarmGet bool // on every read
	ValidateColdGet bool // on the first read of a remote object
}

// MultipartProps are the rules of multipart uploads.
type MultipartProps struct {
	MinPartSize int64 // of every part but the last, bytes
}

// VersioningProps are AIStore's versioning: a counter, of which the latest version
// only is kept. It is not S3's.
type VersioningProps struct {
	Enabled         bool
	ValidateWarmGet bool // a read asks the remote bucket first whether the object has changed
	Synchronize     bool // likewise, and what is gone there is removed here
}

// Access is a set of permitted operations, one bit each, with AIStore's numbers.
type Access uint64

// The operations of Access, and the sets that have names.
const (
	AccessGet Access = 1 << iota
	AccessHeadObject
	AccessPut
	AccessAppend
	AccessDeleteObject
	AccessMoveObject
	AccessPromote
	AccessUpdateObject
	AccessHeadBucket
	AccessListObjects
	AccessPatch
	AccessSetBucketACL

	AccessRO = AccessGet | AccessHeadObject | AccessHeadBucket | AccessListObjects
	AccessRW = AccessRO | AccessPut | AccessAppend | AccessDeleteObject | AccessMoveObject
	AccessSU = Access(math.MaxUint64)
)

// DefaultProps returns the properties of a bucket that is created with none
// given: overS3 tells one made by an S3 client from one made natively, and c
// has the cluster's defaults.
func DefaultProps(provider object.Provider, overS3 bool, c Config) Props {
	p := Props{
		Checksum:   ChecksumProps{Type: c.NativeChecksum, ValidateColdGet: true},
		Durability: c.Durability,
		Versioning: VersioningProps{Enabled: true},
		Access:     AccessSU,
		Copies:     1,
		Mirror:     c.Mirror,
	}
	if overS3 {
		p.Checksum.Type = c.S3Checksum
		p.Multipart.MinPartSize = object.MinPartSize
	}
	if provider == object.AIS {
		p.Copies = max(c.Copies, 1)
	} else {
		p.Durability = object.Process
		p.LRU.Enabled = c.LRU.Enabled
	}
	return p
}

// Set changes the property of that name and returns what it was. The error is of
// kind Invalid and names the legal values.
func (p *Props) Set(key, value string) (old string, err error) {
	return set("cluster.Props", propsTable(), p, key, value)
}

// List returns all properties, sorted by name.
func (p Props) List() []KeyValue { return list(propsTable(), &p) }

// MarshalJSON returns nested objects: {"checksum":{"type":"md5",…},…}.
func (p Props) MarshalJSON() ([]byte, error) { return marshal(propsTable(), &p) }

// UnmarshalJSON reads what MarshalJSON wrote. What is not there stays, unknown
// names are left out.
func (p *Props) UnmarshalJSON(data []byte) error { return unmarshal(propsTable(), p, data) }

func propsTable() []setting[Props] {
	const boolean = "true or false"
	return []setting[Props]{
		{"access", false, "ro, rw, su or a number as AIStore's",
			func(p *Props) string { return strconv.FormatUint(uint64(p.Access), 10) },
			func(p *Props, s string) error { return setAccess(&p.Access, s) }},
		{"backend_bck", false, "aws://NAME of a remote bucket, or none",
			func(p *Props) string { return p.BackendBck },
			func(p *Props, s string) error { return setBackendBck(&p.BackendBck, s) }},
		{"checksum.type", false, atRestNames,
			func(p *Props) string { return p.Checksum.Type.String() },
			func(p *Props, s string) error { return setAtRest(&p.Checksum.Type, s) }},
		{"checksum.validate_cold_get", true, boolean,
			func(p *Props) string { return strconv.FormatBool(p.Checksum.ValidateColdGet) },
			func(p *Props, s string) error { return setBool(&p.Checksum.ValidateColdGet, s) }},
		{"checksum.validate_warm_get", true, boolean,
			func(p *Props) string { return strconv.FormatBool(p.Checksum.ValidateWarmGet) },
			func(p *Props, s string) error { return setBool(&p.Checksum.ValidateWarmGet, s) }},
		{"copies", false, copiesLegal,
			func(p *Props) string { return strconv.Itoa(max(p.Copies, 1)) },
			func(p *Props, s string) error { return setCount(&p.Copies, s, 1, MaxCopies) }},
		{"durability", false, durabilityNames,
			func(p *Props) string { return p.Durability.String() },
			func(p *Props, s string) error { return setDurability(&p.Durability, s) }},
		{"extra.aws.cloud_region", false, "a region's name, or nothing for the cluster's",
			func(p *Props) string { return p.Remote.Region },
			func(p *Props, s string) error { return setRegion(&p.Remote.Region, s) }},
		{"extra.aws.endpoint", false, "a URL, http:// or https://, or nothing for the cluster's",
			func(p *Props) string { return p.Remote.Endpoint },
			func(p *Props, s string) error { return setEndpoint(&p.Remote.Endpoint, s) }},
		{"extra.aws.multipart_size", false, "0, or a size from 5MiB to 5GiB, in bytes or with a suffix like MiB or G",
			func(p *Props) string { return FormatSize(p.Remote.PartSize) },
			func(p *Props, s string) error { return setPartSize(&p.Remote.PartSize, s) }},
		{"extra.aws.path_style", false, "auto, true or false, or nothing for the cluster's",
			func(p *Props) string { return p.Remote.PathStyle },
			func(p *Props, s string) error { return setPathStyle(&p.Remote.PathStyle, s, "") }},
		{"extra.aws.profile", false, "a profile of the targets' AWS configuration files, or nothing for the cluster's",
			func(p *Props) string { return p.Remote.Profile },
			func(p *Props, s string) error { return setWord(&p.Remote.Profile, s) }},
		{"features", false, featureLegal,
			func(p *Props) string { return strconv.FormatUint(uint64(p.Features), 10) },
			func(p *Props, s string) error { return setFeatures(&p.Features, s) }},
		{"lru.enabled", true, boolean,
			func(p *Props) string { return strconv.FormatBool(p.LRU.Enabled) },
			func(p *Props, s string) error { return setBool(&p.LRU.Enabled, s) }},
		{"mirror.burst_buffer", false, burstLegal,
			func(p *Props) string { return strconv.Itoa(p.Mirror.BurstBuffer) },
			func(p *Props, s string) error { return setCount(&p.Mirror.BurstBuffer, s, 0, maxBurst) }},
		{"mirror.copies", false, mirrorLegal,
			func(p *Props) string { return strconv.Itoa(max(p.Mirror.Copies, 1)) },
			func(p *Props, s string) error { return setCount(&p.Mirror.Copies, s, 1, maxMirror) }},
		{"mirror.enabled", true, boolean,
			func(p *Props) string { return strconv.FormatBool(p.Mirror.Enabled) },
			func(p *Props, s string) error { return setBool(&p.Mirror.Enabled, s) }},
		{"multipart.min_part_size", false, "a size up to 5GiB, in bytes or with a suffix like KiB, MB or G",
			func(p *Props) string { return FormatSize(p.Multipart.MinPartSize) },
			func(p *Props, s string) error { return setSize(&p.Multipart.MinPartSize, s, object.MaxPutSize) }},
		{"versioning.enabled", true, boolean,
			func(p *Props) string { return strconv.FormatBool(p.Versioning.Enabled) },
			func(p *Props, s string) error { return setBool(&p.Versioning.Enabled, s) }},
		{"versioning.synchronize", true, boolean,
			func(p *Props) string { return strconv.FormatBool(p.Versioning.Synchronize) },
			func(p *Props, s string) error { return setBool(&p.Versioning.Synchronize, s) }},
		{"versioning.validate_warm_get", true, boolean,
			func(p *Props) string { return strconv.FormatBool(p.Versioning.ValidateWarmGet) },
			func(p *Props, s string) error { return setBool(&p.Versioning.ValidateWarmGet, s) }},
	}
}

const (
	copiesLegal     = "1 to 8: how many targets have each object"
	mirrorLegal     = "1 to 32: how many mountpaths of a target have each object"
	burstLegal      = "0 to 65536: how many objects wait for their other copies at a time"
	maxMirror       = 32
	maxBurst        = 1 << 16
	atRestNames     = "xxhash, md5, crc32c, sha256 or none"
	durabilityNames = "power or process"
)

// errIllegal is replaced by a message with the row's legal values.
var errIllegal = errors.New("not legal")

func setAccess(to *Access, s string) error {
	switch strings.ToLower(s) {
	case "ro":
		*to = AccessRO
	case "rw":
		*to = AccessRW
	case "su":
		*to = AccessSU
	default:
		n, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			return errIllegal
		}
		*to = Access(n)
	}
	return nil
}

func setAtRest(to *object.Algorithm, s string) error {
	a, err := object.ParseAlgorithm(s)
	if err != nil || !a.AtRest() {
		return errIllegal
	}
	*to = a
	return nil
}

func setBool(to *bool, s string) error {
	switch strings.ToLower(s) {
	case "true", "on", "yes", "enabled":
		*to = true
	case "false", "off", "no", "disabled":
		*to = false
	default:
		return errIllegal
	}
	return nil
}

// setCount reads a whole number from least to most.
func setCount(to *int, s string, least, most int) error {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < least || n > most {
		return errIllegal
	}
	*to = n
	return nil
}

func setDurability(to *object.Durability, s string) error {
	switch strings.ToLower(s) {
	case "power":
		*to = object.Power
	case "process":
		*to = object.Process
	default:
		return errIllegal
	}
	return nil
}

func setSize(to *int64, s string, most int64) error {
	n, err := ParseSize(s)
	if err != nil || n > most {
		return errIllegal
	}
	*to = n
	return nil
}

// setDuration reads a time as Go writes it (90s, 1h30m), from least to most.
func setDuration(to *time.Duration, s string, least, most time.Duration) error {
	d, err := time.ParseDuration(strings.TrimSpace(s))
	if err != nil || d < least || d > most {
		return errIllegal
	}
	*to = d
	return nil
}

// formatDuration writes what setDuration reads, without units that are zero: 24h.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// setEndpoint reads the URL of a store: scheme and host, perhaps a port and a path.
func setEndpoint(to *string, s string) error {
	if s = strings.TrimSuffix(strings.TrimSpace(s), "/"); s != "" {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return errIllegal
		}
	}
	*to = s
	return nil
}

// setRegion reads a region's name, which becomes a part of host names.
func setRegion(to *string, s string) error {
	for _, c := range s {
		if alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'; !alnum && c != '-' {
			return errIllegal
		}
	}
	return setWord(to, s)
}

// setWord reads a name of up to 64 printable characters.
func setWord(to *string, s string) error {
	s = strings.TrimSpace(s)
	if len(s) > 64 || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return errIllegal
	}
	*to = s
	return nil
}

// setPathStyle reads how buckets are named in requests; empty stands for s == "".
func setPathStyle(to *string, s, empty string) error {
	switch s = strings.ToLower(strings.TrimSpace(s)); s {
	case "":
		*to = empty
	case "auto", "true", "false":
		*to = s
	default:
		return errIllegal
	}
	return nil
}

func setPartSize(to *int64, s string) error {
	n := *to
	if err := setSize(&n, s, object.MaxPutSize); err != nil || n != 0 && n < object.MinPartSize {
		return errIllegal
	}
	*to = n
	return nil
}
