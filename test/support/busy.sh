#!/usr/bin/env bash
# Runs a command while a busy loop holds each core: test/support/busy.sh npm test -- FILE
set -euo pipefail
loops=()
trap 'kill "${loops[@]}" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM HUP
for _ in $(seq "$(nproc)"); do
  nice -n 0 node -e 'for (;;);' &
  loops+=("$!")
done
"$@"
