package e2e

import (
	_ "embed"
	"testing"
)

//go:embed testdata/sdk/inventory.py
var sdkInventory string

//go:embed testdata/sdk/users.py
var sdkUsers string

// Every public method of AIStore's Python SDK, as it is from the package index.
func TestSDK(t *testing.T) {
	t.Parallel()
	sh := Shared(t, Options{}).Shell(t)
	sh.env = append(sh.env, "BUCKET="+bucketName(t))
	wantIn(t, sh.python(t, sdkInventory), "done")
}

// The SDK acts as the user whose token it has.
func TestSDKUsers(t *testing.T) {
	t.Parallel()
	c := Shared(t, Options{Auth: true, Users: "ann,ben"})
	token := func(user string) string {
		return c.ShellAs(t, user).run(t, `ais auth login >login
			python3 -c "import json, os; print(list(json.load(open(os.path.expanduser('~/.config/ais/tokens.json'))).values())[0]['token'], end='')"`)
	}
	sh := c.Shell(t)
	sh.env = append(sh.env, "BUCKET="+bucketName(t), "ROOT_TOKEN="+token("root"), "USER_TOKEN="+token("ann"))
	wantIn(t, sh.python(t, sdkUsers), "done")
}
