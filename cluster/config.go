package cluster

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"ais/object"
)

// Config is the settings of the whole cluster, which change at run time.
type Config struct {
	Redirect       Redirect
	S3Checksum     object.Algorithm  // checksum.type of buckets created by S3 clients
	NativeChecksum object.Algorithm  // checksum.type of buckets created natively
	Durability     object.Durability // of ais:// buckets
	Lifecycle      LifecycleConfig
	Backend        BackendConfig
	LRU            LRUConfig
	Space          SpaceConfig
	Features       Features
	S3Provider     object.Provider // of two buckets of one name, that which an S3 request means that does not say
	Copies         int             // of the objects of ais:// buckets
	Mirror         MirrorProps     // of buckets
	Rebalance      RebalanceConfig
	Auth           bool // read-only: Map.Auth is AuthOn
}

// RebalanceConfig says when names are moved to other targets.
type RebalanceConfig struct {
	Enabled bool // by itself, whenever targets come and go
}

// LifecycleConfig says how targets carry out the lifecycles of buckets.
type LifecycleConfig struct {
	Interval time.Duration // from the beginning of a run to that of the next
	Day      time.Duration // what a day of a rule is; anything but 24 hours is for tests
}

// Redirect says when clients are sent to the target itself.
type Redirect string

// The settings of Redirect.
const (
	RedirectAuto   Redirect = "auto"   // where that is free for this client
	RedirectAlways Redirect = "always" // wherever the protocol allows it
	RedirectNever  Redirect = "never"  // everything is relayed
)

// DefaultConfig returns the settings of a new cluster.
func DefaultConfig() Config {
	return Config{
		Redirect:       RedirectAuto,
		S3Checksum:     object.MD5,
		NativeChecksum: object.XXHash,
		Durability:     object.Power,
		Lifecycle:      LifecycleConfig{Interval: time.Hour, Day: 24 * time.Hour},
		Backend:        BackendConfig{PathStyle: "auto", Timeout: 30 * time.Second, Presigned: PresignedHost + "," + PresignedPath + "," + PresignedLegacy},
		LRU:            LRUConfig{Enabled: true, DontEvict: 2 * time.Hour, Interval: 5 * time.Minute},
		Space:          SpaceConfig{LowWM: 75, HighWM: 90, OutOfSpace: 95},
		S3Provider:     object.AIS,
		Copies:         1,
		Mirror:         MirrorProps{Copies: 2, BurstBuffer: 128},
		Rebalance:      RebalanceConfig{Enabled: true},
	}
}

// Set changes the setting of that name and returns what it was. The error is of
// kind Invalid and names the legal values.
func (c *Config) Set(key, value string) (old string, err error) {
	return set("cluster.Config", configTable(), c, key, value)
}

// List returns all settings, sorted by name.
func (c Config) List() []KeyValue { return list(configTable(), &c) }

// MarshalJSON returns nested objects: {"s3":{"checksum":{"type":"md5"}},…}.
func (c Config) MarshalJSON() ([]byte, error) { return marshal(configTable(), &c) }

// UnmarshalJSON reads what MarshalJSON wrote. What is not there stays, unknown
// and read-only names are left out.
func (c *Config) UnmarshalJSON(data []byte) error { return unmarshal(configTable(), c, data) }

func configTable() []setting[Config] {
	return []setting[Config]{
		{"auth.enabled", true, "it is fixed when the cluster is made",
			func(c *Config) string { return strconv.FormatBool(c.Auth) }, nil},
		{"backend.aws.cloud_region", false, "a region's name, or nothing for the AWS configuration's",
			func(c *Config) string { return c.Backend.Region },
			func(c *Config, s string) error { return setRegion(&c.Backend.Region, s) }},
		{"backend.aws.enabled", true, "true or false",
			func(c *Config) string { return strconv.FormatBool(c.Backend.Enabled) },
			func(c *Config, s string) error { return setBool(&c.Backend.Enabled, s) }},
		{"backend.aws.endpoint", false, "a URL, http:// or https://, or nothing for Amazon's own",
			func(c *Config) string { return c.Backend.Endpoint },
			func(c *Config, s string) error { return setEndpoint(&c.Backend.Endpoint, s) }},
		{"backend.aws.path_style", false, "auto, true or false",
			func(c *Config) string { return c.Backend.PathStyle },
			func(c *Config, s string) error { return setPathStyle(&c.Backend.PathStyle, s, "auto") }},
		{"backend.aws.presigned_order", false, "host, path and legacy, in the order in which they are tried, with commas between them",
			func(c *Config) string { return c.Backend.Presigned },
			func(c *Config, s string) error { return setPresigned(&c.Backend.Presigned, s) }},
		{"backend.aws.profile", false, "a profile of the targets' AWS configuration files, or nothing for the default credentials",
			func(c *Config) string { return c.Backend.Profile },
			func(c *Config, s string) error { return setWord(&c.Backend.Profile, s) }},
		{"backend.timeout", false, "1s to 1h",
			func(c *Config) string { return formatDuration(c.Backend.Timeout) },
			func(c *Config, s string) error { return setDuration(&c.Backend.Timeout, s, time.Second, time.Hour) }},
		{"copies", false, copiesLegal,
			func(c *Config) string { return strconv.Itoa(max(c.Copies, 1)) },
			func(c *Config, s string) error { return setCount(&c.Copies, s, 1, MaxCopies) }},
		{"durability", false, durabilityNames,
			func(c *Config) string { return c.Durability.String() },
			func(c *Config, s string) error { return setDurability(&c.Durability, s) }},
		{"features", false, featureLegal,
			func(c *Config) string { return strconv.FormatUint(uint64(c.Features), 10) },
			func(c *Config, s string) error { return setFeatures(&c.Features, s) }},
		{"lifecycle.day", false, "1s to 24h; anything but 24h is for tests",
			func(c *Config) string { return formatDuration(c.Lifecycle.Day) },
			func(c *Config, s string) error { return setDuration(&c.Lifecycle.Day, s, time.Second, 24*time.Hour) }},
		{"lifecycle.interval", false, "1s to 168h",
			func(c *Config) string { return formatDuration(c.Lifecycle.Interval) },
			func(c *Config, s string) error {
				return setDuration(&c.Lifecycle.Interval, s, time.Second, 7*24*time.Hour)
			}},
		{"lru.dont_evict_time", false, "0s to 8760h",
			func(c *Config) string { return formatDuration(c.LRU.DontEvict) },
			func(c *Config, s string) error { return setDuration(&c.LRU.DontEvict, s, 0, 365*24*time.Hour) }},
		{"lru.enabled", true, "true or false",
			func(c *Config) string { return strconv.FormatBool(c.LRU.Enabled) },
			func(c *Config, s string) error { return setBool(&c.LRU.Enabled, s) }},
		{"lru.interval", false, "1s to 24h",
			func(c *Config) string { return formatDuration(c.LRU.Interval) },
			func(c *Config, s string) error { return setDuration(&c.LRU.Interval, s, time.Second, 24*time.Hour) }},
		{"mirror.burst_buffer", false, burstLegal,
			func(c *Config) string { return strconv.Itoa(c.Mirror.BurstBuffer) },
			func(c *Config, s string) error { return setCount(&c.Mirror.BurstBuffer, s, 0, maxBurst) }},
		{"mirror.copies", false, mirrorLegal,
			func(c *Config) string { return strconv.Itoa(max(c.Mirror.Copies, 1)) },
			func(c *Config, s string) error { return setCount(&c.Mirror.Copies, s, 1, maxMirror) }},
		{"mirror.enabled", true, "true or false",
			func(c *Config) string { return strconv.FormatBool(c.Mirror.Enabled) },
			func(c *Config, s string) error { return setBool(&c.Mirror.Enabled, s) }},
		{"native.checksum.type", false, atRestNames,
			func(c *Config) string { return c.NativeChecksum.String() },
			func(c *Config, s string) error { return setAtRest(&c.NativeChecksum, s) }},
		{"rebalance.enabled", true, "true or false",
			func(c *Config) string { return strconv.FormatBool(c.Rebalance.Enabled) },
			func(c *Config, s string) error { return setBool(&c.Rebalance.Enabled, s) }},
		{"redirect", false, "auto, always or never",
			func(c *Config) string { return string(c.Redirect) },
			func(c *Config, s string) error {
				switch r := Redirect(strings.ToLower(s)); r {
				case RedirectAuto, RedirectAlways, RedirectNever:
					c.Redirect = r
					return nil
				}
				return errIllegal
			}},
		{"s3.checksum.type", false, atRestNames,
			func(c *Config) string { return c.S3Checksum.String() },
			func(c *Config, s string) error { return setAtRest(&c.S3Checksum, s) }},
		{"s3.provider", false, "ais or aws",
			func(c *Config) string { return string(c.S3Provider) },
			func(c *Config, s string) error {
				provider, err := object.ParseProvider(s)
				if err == nil {
					c.S3Provider = provider
				}
				return err
			}},
		{"space.highwm", false, percentLegal,
			func(c *Config) string { return strconv.Itoa(c.Space.HighWM) },
			func(c *Config, s string) error { return setPercent(&c.Space.HighWM, s) }},
		{"space.lowwm", false, percentLegal,
			func(c *Config) string { return strconv.Itoa(c.Space.LowWM) },
			func(c *Config, s string) error { return setPercent(&c.Space.LowWM, s) }},
		{"space.out_of_space", false, percentLegal,
			func(c *Config) string { return strconv.Itoa(c.Space.OutOfSpace) },
			func(c *Config, s string) error { return setPercent(&c.Space.OutOfSpace, s) }},
	}
}

const percentLegal = "a percentage of a mountpath's capacity, 1 to 100"

func setPercent(to *int, s string) error {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(s), "%"))
	if err != nil || n < 1 || n > 100 {
		return errIllegal
	}
	*to = n
	return nil
}

// setPresigned reads an order of the forms of an S3 URL, each at most once.
func setPresigned(to *string, s string) error {
	var forms []string
	for word := range strings.SplitSeq(s, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		if !slices.Contains([]string{PresignedHost, PresignedPath, PresignedLegacy}, word) || slices.Contains(forms, word) {
			return errIllegal
		}
		forms = append(forms, word)
	}
	*to = strings.Join(forms, ",")
	return nil
}
