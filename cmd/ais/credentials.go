package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ais/s3api"
)

// authorize returns what says who makes a call, nil where nobody does: in this
// order a profile that was named with --profile, AIS_ACCESS_KEY_ID and
// AIS_SECRET_ACCESS_KEY, a bearer token in AIS_AUTHN_TOKEN or kept by 'ais auth
// login' for this endpoint, the same of AWS, and a profile of the AWS
// credentials file.
func (a *app) authorize() (func(*http.Request, string) error, error) {
	if a.profile != "" {
		c, err := a.profileCredentials(a.profile)
		if err == nil && c.AccessKey == "" {
			err = fmt.Errorf("there is no profile %q in %s", a.profile, a.credentialsFile())
		}
		return signWith(c), err
	}
	if c, ok := a.envCredentials("AIS_"); ok {
		return signWith(c), nil
	}
	if token, ok := a.env("AIS_AUTHN_TOKEN"); ok && token != "" {
		return bear(token), nil
	}
	kept, err := a.readTokens()
	if err != nil {
		return nil, err
	}
	if t, ok := kept[a.settings.Endpoint]; ok && time.Now().Before(t.Expires) {
		return bear(t.Token), nil
	}
	if c, ok := a.envCredentials("AWS_"); ok {
		return signWith(c), nil
	}
	profile := "default"
	for _, name := range []string{"AWS_PROFILE", "AIS_PROFILE"} { // the last wins
		if v, ok := a.env(name); ok && v != "" {
			profile = v
		}
	}
	c, err := a.profileCredentials(profile)
	if c.AccessKey == "" {
		return nil, err
	}
	return signWith(c), err
}

func (a *app) envCredentials(prefix string) (s3api.Credentials, bool) {
	key, _ := a.env(prefix + "ACCESS_KEY_ID")
	secret, _ := a.env(prefix + "SECRET_ACCESS_KEY")
	token, _ := a.env(prefix + "SESSION_TOKEN")
	return s3api.Credentials{AccessKey: key, Secret: secret, Token: token}, key != "" && secret != ""
}

func bear(token string) func(*http.Request, string) error {
	return func(r *http.Request, _ string) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
}

// signRegion is what calls are signed for; a cluster takes any.
const signRegion = "us-east-1"

func signWith(c s3api.Credentials) func(*http.Request, string) error {
	return func(r *http.Request, payload string) error {
		s3api.SignV4(r, c, "s3", signRegion, payload, time.Now())
		return nil
	}
}

// credentialsFile returns the path of the AWS credentials file, "" for none.
func (a *app) credentialsFile() string {
	if name, ok := a.env("AWS_SHARED_CREDENTIALS_FILE"); ok && name != "" {
		return name
	}
	if home, ok := a.env("HOME"); ok && home != "" {
		return filepath.Join(home, ".aws", "credentials")
	}
	return ""
}

// profileCredentials returns what the credentials file has under the profile,
// without a key where it has none.
func (a *app) profileCredentials(profile string) (s3api.Credentials, error) {
	var c s3api.Credentials
	data, err := os.ReadFile(a.credentialsFile())
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	for name, value := range profileValues(data, profile) {
		switch name {
		case "aws_access_key_id":
			c.AccessKey = value
		case "aws_secret_access_key":
			c.Secret = value
		case "aws_session_token":
			c.Token = value
		}
	}
	if c.AccessKey != "" && c.Secret == "" {
		return s3api.Credentials{}, fmt.Errorf("%s: profile %s has no aws_secret_access_key", a.credentialsFile(), profile)
	}
	return c, nil
}

// profileValues returns the settings under a profile of an AWS credentials file.
func profileValues(data []byte, profile string) map[string]string {
	values := map[string]string{}
	within := false
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		switch name, value, ok := strings.Cut(line, "="); {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			within = strings.TrimSpace(strings.Trim(line, "[]")) == profile
		case within && ok:
			values[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
	}
	return values
}

// saveProfile writes a key to an AWS credentials file, which only its owner can
// read, as the profile: the one of that name is replaced, the rest is kept.
func saveProfile(file, profile, accessKey, secretKey string) error {
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var b bytes.Buffer
	within := false
	for line := range bytes.Lines(old) {
		if text := bytes.TrimSpace(line); len(text) > 0 && text[0] == '[' {
			within = string(bytes.TrimSpace(bytes.Trim(text, "[]"))) == profile
		}
		if !within {
			b.Write(line)
		}
	}
	if b.Len() > 0 && !bytes.HasSuffix(b.Bytes(), []byte("\n")) {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", profile, accessKey, secretKey)
	return replaceSecretFile(file, b.Bytes())
}

// replaceSecretFile replaces a file in one step by one that only its owner can read.
func replaceSecretFile(file string, data []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = temporary.Write(data)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		_ = os.Remove(temporary.Name()) // the first error is the one to tell
	}
	return err
}
