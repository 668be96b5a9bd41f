package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"

	"ais/object"
)

func TestProps(t *testing.T) {
	for _, test := range []struct{ key, value, reads string }{
		{"checksum.type", "MD5", "md5"},
		{"checksum.type", "none", "none"},
		{"checksum.type", "sha1", ""},
		{"checksum.type", "", ""},
		{"checksum.validate_warm_get", "true", "true"},
		{"checksum.validate_warm_get", "yes", "true"},
		{"checksum.validate_cold_get", "maybe", ""},
		{"copies", "3", "3"},
		{"copies", "0", ""},
		{"copies", "9", ""},
		{"copies", "two", ""},
		{"mirror.copies", "32", "32"},
		{"mirror.copies", "0", ""},
		{"mirror.copies", "33", ""},
		{"mirror.burst_buffer", "0", "0"},
		{"mirror.burst_buffer", "-1", ""},
		{"mirror.enabled", "on", "true"},
		{"durability", "process", "process"},
		{"durability", "none", ""},
		{"multipart.min_part_size", "5MiB", "5MiB"},
		{"multipart.min_part_size", "5242880", "5MiB"},
		{"multipart.min_part_size", "5MB", "5000000B"},
		{"multipart.min_part_size", "1k", "1KiB"},
		{"multipart.min_part_size", "0", "0B"},
		{"multipart.min_part_size", "6GiB", ""},
		{"multipart.min_part_size", "-1", ""},
		{"multipart.min_part_size", "99999999999TiB", ""},
		{"versioning.enabled", "false", "false"},
		{"access", "ro", "771"},
		{"access", "rw", "831"},
		{"access", "su", "18446744073709551615"},
		{"access", "0x10", "16"},
		{"access", "rx", ""},
		{"nonsense", "1", ""},
	} {
		p := DefaultProps(object.AIS, true, DefaultConfig())
		before := p
		old, err := p.Set(test.key, test.value)
		switch {
		case test.reads == "":
			if !errors.Is(err, object.Invalid) || p != before {
				t.Errorf("%s = %q: error %v", test.key, test.value, err)
			}
		case err != nil:
			t.Error(err)
		case find(p.List(), test.key) != test.reads:
			t.Errorf("%s = %q reads %q", test.key, test.value, find(p.List(), test.key))
		case old != find(before.List(), test.key):
			t.Errorf("%s was %q, not %q", test.key, find(before.List(), test.key), old)
		}
	}
}

func find(list []KeyValue, key string) string {
	for _, kv := range list {
		if kv.Key == key {
			return kv.Value
		}
	}
	return ""
}

func TestPropsJSON(t *testing.T) {
	p := DefaultProps(object.AIS, true, DefaultConfig())
	data, err := json.Marshal(Bucket{Name: "demo", Props: p})
	if err != nil {
		t.Fatal(err)
	}
	const want = `"props":{"access":"18446744073709551615","backend_bck":"","checksum":{"type":"md5","validate_cold_get":true,"validate_warm_get":false},` +
		`"copies":"1","durability":"power","extra":{"aws":{"cloud_region":"","endpoint":"","multipart_size":"0B","path_style":"","profile":""}},"features":"0",` +
		`"lru":{"enabled":false},"mirror":{"burst_buffer":"128","copies":"2","enabled":false},"multipart":{"min_part_size":"5MiB"},"versioning":{"enabled":true,"synchronize":false,"validate_warm_get":false}}`
	if !strings.Contains(string(data), want) {
		t.Errorf("%s\nhas no\n%s", data, want)
	}
	var b Bucket
	if err := json.Unmarshal(data, &b); err != nil || b.Props != p {
		t.Errorf("%+v, %v", b.Props, err)
	}
	// Of another version: what is unknown is left out, what is not there stays.
	err = json.Unmarshal([]byte(`{"checksum":{"type":"none"},"ec":{"enabled":true,"list":null},"durability":"process"}`), &p)
	if err != nil || p.Checksum.Type != object.NoChecksum || p.Durability != object.Process || p.Multipart.MinPartSize != object.MinPartSize {
		t.Errorf("%+v, %v", p, err)
	}
	for _, bad := range []string{`{"checksum":{"type":"rot13"}}`, `{"checksum":["md5"]}`, `[]`, `1`} {
		if err := json.Unmarshal([]byte(bad), &p); !errors.Is(err, object.Invalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestConfigJSON(t *testing.T) {
	c := DefaultConfig()
	c.Redirect, c.Auth = RedirectNever, true
	data, err := json.Marshal(c)
	const want = `{"auth":{"enabled":true},"backend":{"aws":{"cloud_region":"","enabled":false,"endpoint":"","path_style":"auto",` +
		`"presigned_order":"host,path,legacy","profile":""},"timeout":"30s"},"copies":"1","durability":"power","features":"0",` +
		`"lifecycle":{"day":"24h","interval":"1h"},"lru":{"dont_evict_time":"2h","enabled":true,"interval":"5m"},` +
		`"mirror":{"burst_buffer":"128","copies":"2","enabled":false},"native":{"checksum":{"type":"xxhash"}},"rebalance":{"enabled":true},"redirect":"never","s3":{"checksum":{"type":"md5"},"provider":"ais"},` +
		`"space":{"highwm":"90","lowwm":"75","out_of_space":"95"}}`
	if err != nil || string(data) != want {
		t.Errorf("%s, %v", data, err)
	}
	back := DefaultConfig()
	if err := json.Unmarshal(data, &back); err != nil || back.Redirect != RedirectNever || back.Auth {
		t.Errorf("%+v, %v: auth is the map's to say", back, err)
	}
	if s := NewState(Contents{Map: Map{Auth: AuthOn}, Config: back}); !s.Config.Auth {
		t.Error("the state does not take auth from the map")
	}
}

func TestConfigDurations(t *testing.T) {
	for _, test := range []struct{ key, value, reads string }{
		{"lifecycle.day", "10s", "10s"},
		{"lifecycle.day", "1h30m", "1h30m"},
		{"lifecycle.day", "90m0s", "1h30m"},
		{"lifecycle.day", "24h", "24h"},
		{"lifecycle.day", "25h", ""},
		{"lifecycle.day", "999ms", ""},
		{"lifecycle.day", "1", ""},
		{"lifecycle.interval", "2h0m10s", "2h0m10s"},
		{"lifecycle.interval", "168h", "168h"},
		{"lifecycle.interval", "-1h", ""},
		{"lifecycle.interval", "", ""},
	} {
		c := DefaultConfig()
		_, err := c.Set(test.key, test.value)
		switch {
		case test.reads == "":
			if !errors.Is(err, object.Invalid) || c != DefaultConfig() {
				t.Errorf("%s = %q: error %v", test.key, test.value, err)
			}
		case err != nil:
			t.Error(err)
		case find(c.List(), test.key) != test.reads:
			t.Errorf("%s = %q reads %q", test.key, test.value, find(c.List(), test.key))
		}
	}
}

func TestDefaults(t *testing.T) {
	c := DefaultConfig()
	c.Durability = object.Process
	s3, native := DefaultProps(object.AIS, true, c), DefaultProps(object.AIS, false, c)
	if s3.Checksum.Type != object.MD5 || native.Checksum.Type != object.XXHash || native.Multipart.MinPartSize != 0 || s3.Durability != object.Process {
		t.Errorf("%+v, %+v", s3, native)
	}
	if p := DefaultProps(object.AWS, true, DefaultConfig()); p.Durability != object.Process {
		t.Errorf("%+v", p)
	}
}

func TestSizes(t *testing.T) {
	for _, n := range []int64{0, 1, 999, 1000, 1023, 1024, 1 << 20, 3 << 30, 1<<40 + 1, 7 << 40, math.MaxInt64} {
		if got, err := ParseSize(FormatSize(n)); err != nil || got != n {
			t.Errorf("%d is written %s and read %d, %v", n, FormatSize(n), got, err)
		}
	}
	for _, s := range []string{"", "b", "KiB", "1.5MiB", "1 2", "+1", "0x10", "1PiB", "9223372036854775808", "9007199254740992KiB"} {
		if n, err := ParseSize(s); err == nil {
			t.Errorf("%q is read as %d", s, n)
		}
	}
	if n, err := ParseSize(" 64 KiB "); err != nil || n != 64<<10 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	keys := TicketKeys{[]byte("secret-secret"), []byte("older-secret")}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("keys", "keys", keys, "state", *NewState(Contents{TicketKeys: keys}))
	data, err := json.Marshal(struct{ Keys TicketKeys }{keys})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %x %q %d", keys, struct{ K TicketKeys }{keys}, keys, keys, keys, keys, keys) + log.String() + string(data)
	for _, key := range keys {
		for _, verb := range []string{"%s", "%x", "%d"} {
			if strings.Contains(all, strings.Trim(fmt.Sprintf(verb, key), "[]")) {
				t.Errorf("a key is in %s", all)
			}
		}
	}
	if string(keys.Newest()) != "secret-secret" || TicketKeys(nil).Newest() != nil {
		t.Error("Newest")
	}
}

func FuzzSettings(f *testing.F) {
	f.Add("multipart.min_part_size", "5MiB", `{"access":"ro"}`)
	f.Add("access", "su", `{"checksum":{"type":"md5"}}`)
	f.Fuzz(func(t *testing.T, key, value, data string) {
		p := DefaultProps(object.AIS, false, DefaultConfig())
		_, _ = p.Set(key, value)
		_ = p.UnmarshalJSON([]byte(data))
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back Props
		if err := json.Unmarshal(text, &back); err != nil || back != p {
			t.Fatalf("%+v is written %s and read %+v, %v", p, text, back, err)
		}
	})
}
