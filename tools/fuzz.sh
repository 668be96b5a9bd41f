#!/usr/bin/env bash
# tools/fuzz.sh TIME: runs every fuzz test of the module for TIME each.
set -euo pipefail
time=${1:-20s}
grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do
  sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | while read -r name; do
    echo "--- ${file#./} $name"
    go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./$(dirname "${file#./}")"
  done
done
