package cluster

import (
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
	Auth           bool // read-only: Map.Auth is AuthOn
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
		{"durability", false, durabilityNames,
			func(c *Config) string { return c.Durability.String() },
			func(c *Config, s string) error { return setDurability(&c.Durability, s) }},
		{"features", false, "no feature flag is built in this version; 0 or none is the only value",
			func(*Config) string { return "0" },
			func(_ *Config, s string) error {
				if s = strings.ToLower(s); s != "0" && s != "none" && s != "" {
					return errIllegal
				}
				return nil
			}},
		{"lifecycle.day", false, "1s to 24h; anything but 24h is for tests",
			func(c *Config) string { return formatDuration(c.Lifecycle.Day) },
			func(c *Config, s string) error { return setDuration(&c.Lifecycle.Day, s, time.Second, 24*time.Hour) }},
		{"lifecycle.interval", false, "1s to 168h",
			func(c *Config) string { return formatDuration(c.Lifecycle.Interval) },
			func(c *Config, s string) error {
				return setDuration(&c.Lifecycle.Interval, s, time.Second, 7*24*time.Hour)
			}},
		{"native.checksum.type", false, atRestNames,
			func(c *Config) string { return c.NativeChecksum.String() },
			func(c *Config, s string) error { return setAtRest(&c.NativeChecksum, s) }},
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
	}
}
