#!/usr/bin/env bash
# Installs what this machine lacks beyond Go and git, and says what it does:
#   deploy/install.sh play     the aws CLI and boto3, into .venv of the project
#   deploy/install.sh test     that, and the clients, servers and tools that the tests run
#   deploy/install.sh ml       TensorFlow and other readers of training data, into .venv-ml (1.5 GB), PyTorch from Debian
#   deploy/install.sh bench    nginx, to compare with
# Debian packages come from apt, as root or by sudo. What is there is left alone.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv

say() { printf 'install: %s\n' "$*"; }
fail() { printf 'install: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# no_services keeps apt from starting the daemons it unpacks: the tests start
# their own, on their own ports.
no_services() {
  [ -e /usr/sbin/policy-rc.d ] && return
  printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
  as_root chmod +x /usr/sbin/policy-rc.d
  trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
}

# debian installs packages given as COMMAND:PACKAGE, those whose command is
# missing. A command beginning with / is a file.
debian() {
  local pair command missing=()
  for pair in "$@"; do
    command=${pair%%:*}
    case $command in
      /*) [ -e "$command" ] && continue ;;
      *) PATH=$PATH:/usr/sbin command -v "$command" >/dev/null && continue ;;
    esac
    missing+=("${pair#*:}")
  done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || fail "please install: ${missing[*]} (this is no Debian, so I cannot)"
  say "Debian packages: ${missing[*]}"
  no_services
  # Fresh machines have no package lists, others may have old ones.
  apt_install "${missing[@]}" 2>/dev/null || { as_root apt-get update -q && apt_install "${missing[@]}"; }
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@"
}

# python_clients fills .venv from a list of pinned versions, once per list.
# More arguments are flags for the making of the environment.
python_clients() {
  local list=$root/deploy/$1 python=python3 stamp
  stamp=$venv/.$1-$(cksum <"$list" | tr ' ' -)
  shift
  [ -e "$stamp" ] && return
  [ -x /usr/bin/python3 ] && python=/usr/bin/python3
  if [ ! -x "$venv/bin/pip" ]; then
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
      debian /usr/share/doc/python3-venv:python3-venv
      python=/usr/bin/python3
    fi
    say "a Python environment in ${venv##*/}"
    "$python" -m venv "$@" "$venv"
  fi
  say "into ${venv##*/}: $(grep -v '^#' "$list" | tr '\n' ' ')"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$list"
  touch "$stamp"
}

case ${1:-} in
  play)
    python_clients clients.txt ;;
  test)
    debian gcc:gcc /usr/include/stdlib.h:libc6-dev curl:curl s3cmd:s3cmd rclone:rclone chromium:chromium \
      prometheus:prometheus etcd:etcd-server strace:strace
    python_clients clients.txt
    python_clients clients-test.txt
    python_clients clients-remote.txt ;;
  ml)
    # PyTorch's wheels bring gigabytes of CUDA; Debian's package is for CPUs, and its own Python.
    debian gcc:gcc /usr/include/stdlib.h:libc6-dev curl:curl /usr/lib/python3/dist-packages/torch:python3-torch
    if [ -e /dev/fuse ]; then debian s3fs:s3fs fusermount:fuse3; fi
    python_clients clients.txt
    venv=$root/.venv-ml
    /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
      fail "TensorFlow's S3 needs Python 3.11 as /usr/bin/python3 (Debian 12); docs/ml.md says why"
    python_clients clients-ml.txt --system-site-packages ;;
  bench)
    debian nginx:nginx-light ;;
  *)
    fail "usage: deploy/install.sh play|test|ml|bench" ;;
esac
