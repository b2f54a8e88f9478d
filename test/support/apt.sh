#!/usr/bin/env bash
# Debian's packages for the tests and the demo, one call at a time: apt-get gives up where another one holds its lists.
#
#   test/support/apt.sh install PACKAGE...
#   test/support/apt.sh download PACKAGE     into this folder
#   test/support/apt.sh closure PACKAGE...   likewise, with all that they need, as for a machine that has nothing
#
# Needs root. Lists that are missing or older than the mirror are fetched; what fails is tried three times.
set -euo pipefail

verb=$1
shift
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -y -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)

packages=("$@")
try() {
  case $verb in
    install) "${apt[@]}" install --no-install-recommends "${packages[@]}" ;;
    download) "${apt[@]}" -o APT::Sandbox::User=root download "${packages[@]}" ;;
    closure)
      mkdir -p partial
      : >status
      "${apt[@]}" -o APT::Sandbox::User=root -o Dir::State::status="$PWD/status" -o Dir::Cache::archives="$PWD" \
        --no-install-recommends --download-only install "${packages[@]}"
      ;;
    *) printf 'apt: unknown verb %s\n' "$verb" >&2; exit 64 ;;
  esac
}

exec 9</var/lib/dpkg
flock 9
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for _ in 1 2 3; do
  if try >"$log" 2>&1 9<&- </dev/null; then exit 0; fi
  # Another program's apt-get may hold the lists: the next one comes later.
  "${apt[@]}" update >>"$log" 2>&1 9<&- </dev/null || sleep 10
done
tail -5 "$log" >&2
printf 'apt: apt-get could not %s %s\n' "$verb" "${packages[*]}" >&2
exit 1
