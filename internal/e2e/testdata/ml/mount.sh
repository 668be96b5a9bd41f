#!/usr/bin/env bash
# s3fs mounts a bucket, and files of it are read, written, renamed and listed.
# usage: mount.sh BUCKET URL STYLE..., in a directory of its own
set -euo pipefail
bucket=$1 url=$2
shift 2
say() { printf 'mount.sh: %s\n' "$*"; }
fail() { say "$*" >&2; tail -n 20 s3fs.log >&2; exit 1; }

mkdir -p mnt
printf '%s:%s\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" >passwd
chmod 600 passwd
s3fs "$bucket" "$PWD/mnt" -f -o "url=$url" -o use_path_request_style -o passwd_file=passwd -o multipart_size=5 "$@" >s3fs.log 2>&1 &
daemon=$!
trap 'fusermount -u mnt 2>/dev/null || true; wait $daemon || true' EXIT
for ((i = 0; i < 300; i++)); do
  mountpoint -q mnt && break
  kill -0 $daemon 2>/dev/null || fail "s3fs ended"
  sleep 0.05
done
mountpoint -q mnt || fail "nothing is mounted after 15 s"

api() { aws --endpoint-url "$ENDPOINT" s3 "$@"; }
head -c 12000000 /dev/urandom >big
printf 'written over S3' | api cp - "s3://$bucket/data/over-s3" >/dev/null
[ "$(cat mnt/data/over-s3)" = 'written over S3' ] || fail "a file written over S3 is not read"
mkdir mnt/new
printf 'written here' >mnt/new/here
cp big mnt/new/big
cmp big mnt/new/big || fail "a big file is not read as written"
[ "$(api cp "s3://$bucket/new/here" -)" = 'written here' ] || fail "a file written here is not seen over S3"
api cp "s3://$bucket/new/big" - | cmp - big || fail "a big file is not seen over S3"
printf ', and more' >>mnt/new/here
[ "$(cat mnt/new/here)" = 'written here, and more' ] || fail "nothing was appended"
cmp <(dd if=mnt/new/big bs=1000 skip=7000 count=3 status=none) <(dd if=big bs=1000 skip=7000 count=3 status=none) || fail "a piece is wrong"
mv mnt/new/big mnt/new/renamed
cmp big mnt/new/renamed || fail "a renamed file is not what it was"
mv mnt/new mnt/folder
[ "$(ls mnt/folder | tr '\n' ' ')" = 'here renamed ' ] || fail "a renamed folder has: $(ls mnt/folder)"
if cat mnt/folder/none 2>/dev/null; then fail "an absent file was read"; fi
for i in $(seq 40); do echo "$i" >"mnt/folder/$i"; done
[ "$(ls mnt/folder | wc -l)" = 42 ] || fail "$(ls mnt/folder | wc -l) files are listed"
rm -r mnt/folder
[ "$(ls mnt)" = data ] || fail "what was removed is listed: $(ls mnt)"
if api ls --recursive "s3://$bucket/folder"; then fail "what was removed is there"; fi
say "files are read, written, renamed and listed through the mount"
