#!/usr/bin/env bash
# tools/stage.sh NAME SECONDS COMMAND...: runs the command, prints how long it
# took, and fails when it fails or is not done within its budget.
set -u
name=$1 budget=$2 began=$SECONDS
shift 2
printf -- '--- stage %s (at most %d s): %s\n' "$name" "$budget" "$*"
timeout --kill-after=20 "$budget" "$@"
code=$?
took=$((SECONDS - began))
case $code in
  0) printf -- '--- stage %s: ok in %d s\n' "$name" "$took" ;;
  124 | 137) printf -- '--- stage %s: FAILED, over its budget of %d s\n' "$name" "$budget" ;;
  *) printf -- '--- stage %s: FAILED after %d s (exit status %d)\n' "$name" "$took" "$code" ;;
esac
exit $code
