//go:build ml

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What reads and writes training data: make test-ml installs it into .venv-ml and
// runs these tests, which no other target knows. The programs are in testdata/ml.

// mlShell is a shell in which the programs of .venv-ml come first.
func mlShell(t *testing.T, c *Cluster, user string) script {
	t.Helper()
	bin := filepath.Join(root(), ".venv-ml/bin")
	if _, err := os.Stat(filepath.Join(bin, "python3")); err != nil {
		t.Fatalf("deploy/install.sh ml makes the environment of these tests: %v", err)
	}
	sh := c.ShellAs(t, user)
	for i, v := range sh.env {
		if path, ok := strings.CutPrefix(v, "PATH="); ok {
			sh.env[i] = "PATH=" + bin + ":" + path
		}
	}
	programs := filepath.Join(root(), "internal/e2e/testdata/ml")
	sh.env = append(sh.env, "ML="+programs, "AWS_REGION=us-east-1", "MPLCONFIGDIR="+sh.dir)
	sh.functions = "make_bucket() { aws --endpoint-url $ENDPOINT s3 mb s3://$1 >/dev/null; }\n"
	return sh
}

// tried are the clusters that each client is tried on.
var tried = []struct {
	name, user string
	o          Options
}{
	{"open", "root", Options{}},
	{"verified", "trainer", Options{Auth: true, Users: "trainer"}},
}

// onEach runs a test on a cluster without users and as a user of one that
// verifies every request.
func onEach(t *testing.T, test func(t *testing.T, sh script, bucket string)) {
	t.Helper()
	for _, each := range tried {
		t.Run(each.name, func(t *testing.T) {
			c := Shared(t, each.o)
			sh, b := mlShell(t, c, each.user), bucketName(t)
			sh.run(t, "make_bucket "+b)
			test(t, sh, b)
		})
	}
}

// TensorFlow trains on records in the store, and finds there what it left half-way.
func TestMLTensorFlow(t *testing.T) {
	onEach(t, func(t *testing.T, sh script, b string) {
		out := sh.run(t, `
		export S3_ENDPOINT=$ENDPOINT
		python3 $ML/tensorflow_train.py local s3://`+b+`/training
		python3 $ML/tensorflow_files.py s3://`+b+`/files
		`)
		wantIn(t, out, "the same losses from s3:// as from local files", "files are read, written, listed, moved and removed")
	})
}

// An endpoint without a scheme means https to the plugin, whatever S3_USE_HTTPS
// says, which it does not read: it works where AIS serves HTTPS, and only there.
func TestMLTensorFlowEndpoints(t *testing.T) {
	c := Shared(t, Options{TLS: true})
	sh, b := mlShell(t, c, "root"), bucketName(t)
	sh.run(t, "make_bucket "+b+"; echo hello | aws --endpoint-url $ENDPOINT s3 cp - s3://"+b+"/k")
	program := " python3 $ML/tensorflow_stat.py s3://" + b + "/k"
	for spelling, want := range map[string]string{
		"S3_ENDPOINT=$ENDPOINT S3_CA_FILE=$AWS_CA_BUNDLE":               "length 6",
		"S3_ENDPOINT=$HOST/s3 S3_CA_FILE=$AWS_CA_BUNDLE":                "length 6",
		"S3_ENDPOINT=$HOST S3_CA_FILE=$AWS_CA_BUNDLE":                   "length 6",
		"S3_USE_HTTPS=0 S3_ENDPOINT=$HOST/s3 S3_CA_FILE=$AWS_CA_BUNDLE": "length 6", // not read
		"S3_VERIFY_SSL=0 S3_ENDPOINT=$HOST/s3":                          "length 6",
	} {
		wantIn(t, sh.run(t, spelling+program), want)
	}
}

// s3fs with fsspec, pyarrow and smart_open, at the root and under /s3 where they take
// a path.
func TestMLFileSystems(t *testing.T) {
	onEach(t, func(t *testing.T, sh script, b string) {
		wantIn(t, sh.run(t, "python3 $ML/filesystems.py "+b), "s3fs, smart_open and pyarrow read and write")
	})
}

// WebDataset's shards, over the aws CLI, curl and s3fs.
func TestMLWebDataset(t *testing.T) {
	onEach(t, func(t *testing.T, sh script, b string) {
		out := sh.run(t, `if [ "$AWS_ACCESS_KEY_ID" = playground ]; then export ANONYMOUS=1; fi; python3 $ML/webdataset_shards.py `+b)
		wantIn(t, out, "shards are read over aws, presigned, curl")
	})
}

// PyTorch's DataLoader over WebDataset and over AIStore's own datasets, which come
// with a token where there are users.
func TestMLPyTorch(t *testing.T) {
	onEach(t, func(t *testing.T, sh script, b string) {
		out := sh.run(t, `
		if [ "$AWS_ACCESS_KEY_ID" != playground ]; then
			ais auth login
			export AIS_AUTHN_TOKEN=$(python3 -c 'import glob, json; print(*[t["token"] for t in json.load(open(".config/ais/tokens.json")).values()])')
		fi
		python3 $ML/pytorch_loading.py `+b)
		wantIn(t, out, "loads from the store")
	})
}

// A bucket mounted by s3fs. Where there is no FUSE this fails, and says so: nobody
// shall believe that it was tried.
func TestMLMount(t *testing.T) {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Fatalf("a mount by s3fs was NOT tried: this machine has no FUSE (%v); leave the test out with -skip TestMLMount", err)
	}
	onEach(t, func(t *testing.T, sh script, b string) {
		for _, url := range []string{"${ENDPOINT%/s3}", "$ENDPOINT"} {
			out := sh.run(t, "rm -rf at && mkdir at && cd at && $ML/mount.sh "+b+" "+url+" && cd .. && aws --endpoint-url $ENDPOINT s3 rm --recursive s3://"+b)
			wantIn(t, out, "through the mount")
		}
	})
}
