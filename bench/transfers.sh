#!/usr/bin/env bash
# How long ais, rclone and aws take to put the same files on the same playground, in
# turn, round after round. See docs/performance.md.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bench/transfers.sh PLAYGROUND-DIR [FLAGS]

  --files N     small files of 4 KiB, 100 a directory (10000)
  --size MIB    of the large file (4096)
  --rounds N    (3)
  --work DIR    where the files are made (a new directory in TMPDIR)
  --only WORDS  of: small large get

The playground has to run; the buckets made on it are removed at the end.
TEXT
}

fail() { printf 'transfers: %s\n' "$*" >&2; exit 1; }

files=10000 size=4096 rounds=3 work='' only='small large get'
[ $# -ge 1 ] || { usage >&2; exit 2; }
play=$1; shift
while [ $# -gt 0 ]; do
  case $1 in
    --files) files=$2 ;; --size) size=$2 ;; --rounds) rounds=$2 ;; --work) work=$2 ;; --only) only=$2 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift 2
done

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
eval "$("$root/deploy/playground.sh" env --dir "$play")"
[ -n "$work" ] || work=$(mktemp -d "${TMPDIR:-/tmp}/transfers.XXXXXX")
mkdir -p "$work"
unset AWS_CA_BUNDLE # which rclone cannot use
export XDG_CACHE_HOME=$work/cache AWS_CONFIG_FILE=$work/aws-config RCLONE_CONFIG=/dev/null
export RCLONE_CONFIG_AIS_TYPE=s3 RCLONE_CONFIG_AIS_PROVIDER=Other RCLONE_CONFIG_AIS_ENDPOINT=$AIS_ENDPOINT/s3 RCLONE_CONFIG_AIS_ENV_AUTH=true
cat >"$AWS_CONFIG_FILE" <<TEXT
[default]
s3 =
  max_concurrent_requests = 32
  max_queue_size = 10000
  multipart_chunksize = 32MB
TEXT

bucket=transfers-$$
cleanup() { ais bucket rm "ais://$bucket" --yes >/dev/null 2>&1 || true; rm -rf "$work"; }
trap cleanup EXIT

if [[ $only == *small* ]]; then
  python3 - "$work/small" "$files" <<'PY'
import os, sys
top, n = sys.argv[1], int(sys.argv[2])
for i in range(n):
    folder = f"{top}/d{i // 100:04}"
    if i % 100 == 0: os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/f{i:06}", "wb") as f: f.write(os.urandom(4096))
PY
fi
[[ $only == *large* || $only == *get* ]] && head -c "${size}M" /dev/urandom >"$work/large"

ais_small() { ais put "$work/small" "ais://$bucket/ais" -r --workers 32 --no-progress >/dev/null; }
rclone_small() { rclone copy "$work/small" "ais:$bucket/rclone" --transfers 32 --checkers 32 --no-traverse --s3-no-check-bucket --s3-no-head; }
aws_small() { aws --endpoint-url "$AIS_ENDPOINT/s3" s3 cp --recursive --only-show-errors "$work/small" "s3://$bucket/aws"; }
ais_large() { ais put "$work/large" "ais://$bucket/ais-large" --no-progress >/dev/null; }
rclone_large() { rclone copyto "$work/large" "ais:$bucket/rclone-large" --s3-no-check-bucket --s3-no-head --s3-upload-concurrency 8 --s3-chunk-size 32M; }
aws_large() { aws --endpoint-url "$AIS_ENDPOINT/s3" s3 cp --only-show-errors "$work/large" "s3://$bucket/aws-large"; }
ais_get() { ais get "ais://$bucket/get-large" "$work/got" --no-progress >/dev/null; }
rclone_get() { rclone copyto "ais:$bucket/get-large" "$work/got" --multi-thread-streams 8 --multi-thread-cutoff 64M; }
aws_get() { aws --endpoint-url "$AIS_ENDPOINT/s3" s3 cp --only-show-errors "s3://$bucket/get-large" "$work/got"; }

declare -A times
clients=(ais rclone aws)
for load in $only; do
  for ((round = 0; round < rounds; round++)); do
    for ((turn = 0; turn < 3; turn++)); do
      client=${clients[$(((round + turn) % 3))]}
      ais create "ais://$bucket" >/dev/null
      [ "$load" = get ] && ais put "$work/large" "ais://$bucket/get-large" >/dev/null
      rm -f "$work/got"; sync
      from=$(date +%s%N)
      "${client}_$load" || fail "$client $load"
      took=$((($(date +%s%N) - from) / 1000000))
      times[$load-$client]+="$took "
      ais bucket rm "ais://$bucket" --yes >/dev/null
    done
  done
  for client in "${clients[@]}"; do
    # shellcheck disable=SC2086 # a list of numbers
    sorted=$(printf '%s\n' ${times[$load-$client]} | sort -n | tr '\n' ' ')
    median=$(printf '%s\n' $sorted | sed -n "$(((rounds + 1) / 2))p")
    printf '%-6s %-7s median %8s ms  of %s\n' "$load" "$client" "$median" "$sorted"
  done
done
