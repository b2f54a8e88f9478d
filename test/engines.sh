#!/usr/bin/env bash
# The end-to-end tests, on both placements, against the Docker engines of several Debian releases:
#
#   test/engines.sh [SUITE…] [-- VITEST ARGUMENTS]     suites: bookworm (20.10), trixie (26.1), sid (28.5)
#
# Each engine is installed from Debian's packages into a folder of its own (about 30 s, kept for the next time) and runs
# with that folder as its root, in network, mount and process namespaces of its own, as do the tests: an engine that runs
# on this machine is not disturbed, and all of it ends with the namespaces. `test/engines.sh clean` removes the
# folders. Needs root and Debian or Ubuntu; JOBGATE_ENGINES puts the folders elsewhere, DEBIAN_MIRROR names a mirror.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
project=$PWD
folders=${JOBGATE_ENGINES:-/var/lib/jobgate-engines}
# What the engine has to do with; the rest of the suite is the same on all.
files=(test/e2e/{http-job,any-program,crash,sweep,gateway,lockdown,container-gateway,container-scan,doctor}.test.ts)

say() { printf 'test-engines: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

mirror() {
  printf '%s\n' "${DEBIAN_MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    grep -oE '^(URIs:|deb) .*' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -1)}"
}

install_engine() { # SUITE
  local root=$folders/$1 from log
  [ ! -e "$root/complete" ] || return 0
  from=$(mirror)
  [ -n "$from" ] || die 'no Debian mirror is configured in /etc/apt: set DEBIAN_MIRROR'
  if ! command -v debootstrap >/dev/null; then
    say 'installing debootstrap'
    test/support/apt.sh install debootstrap
  fi
  rm -rf "$root"
  mkdir -p "$folders"
  say "installing the engine of $1"
  log=$folders/$1.log
  debootstrap --variant=minbase --include=docker.io,iptables,iproute2,ca-certificates "$1" "$root" "$from" >"$log" 2>&1 ||
    { tail -5 "$log" >&2; die "debootstrap of $1 failed: see $log"; }
  mkdir -p "$root/old"
  touch "$root/complete"
}

# In the namespaces, with the machine's root: the engine, then the tests.
inside() { # SUITE VITEST-ARGUMENTS…
  local suite=$1 root run engine waited version status=0
  unset JOBGATE_ENGINES # no setting of jobgate's
  shift
  root=$folders/$suite
  run=$folders/$suite.run
  ip link set lo up
  # A /sys of this network namespace, with the machine's cgroups.
  mkdir -p "$run/cgroup"
  mount --rbind /sys/fs/cgroup "$run/cgroup"
  mount -t sysfs sysfs /sys
  mount --rbind "$run/cgroup" /sys/fs/cgroup
  umount -l "$run/cgroup"
  sysctl -qw net.ipv4.ip_forward=1
  rm -f "$run/docker.pid"

  # shellcheck disable=SC2016 # the inner shell's
  unshare --mount bash -euc '
    root=$1 run=$2 project=$3
    mount --make-rprivate /
    mount --bind "$root" "$root"
    # What the engine mounts into containers, it must see where the tests see it.
    for folder in /proc /sys /dev /tmp /run/jobgate "$run" "$project"; do
      mkdir -p "$folder" "$root$folder"
      mount --rbind "$folder" "$root$folder"
    done
    cd "$root"
    pivot_root . old
    umount -l /old
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin
    exec dockerd -H "unix://$run/docker.sock" --data-root "$run/data" --exec-root "$run/exec" \
      --pidfile "$run/docker.pid" >"$run/dockerd.log" 2>&1 </dev/null
  ' - "$root" "$run" "$project" &
  engine=$!
  export DOCKER_HOST=unix://$run/docker.sock
  for waited in $(seq 300); do
    if version=$(timeout 5 docker version --format '{{.Server.Version}}' 2>/dev/null); then break; fi
    if [ "$waited" = 300 ] || ! kill -0 $engine 2>/dev/null; then
      tail -5 "$run/dockerd.log" >&2
      die "the engine of $suite did not start"
    fi
    sleep 0.2
  done
  say "$suite: Docker $version"
  CI=true npx vitest run --project e2e --project e2e-container "$@" || status=$?
  kill $engine
  wait $engine || true
  return $status
}

case ${1:-} in
  inside) shift; inside "$@"; exit ;;
  clean) rm -rf "$folders"; exit ;;
esac

suites=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do suites+=("$1"); shift; done
[ ${#suites[@]} -gt 0 ] || suites=(bookworm trixie sid)
[ $# -le 1 ] || files=("${@:2}")
[ "$(id -u)" = 0 ] || die 'namespaces and an engine of its own need root'
command -v docker >/dev/null || die 'the docker command is missing: run test/support/engine.sh start first'
[ -e dist/src/cli.js ] || die 'dist/ is missing: npm run build'

failed=()
for suite in "${suites[@]}"; do
  install_engine "$suite"
  # All processes end with the first one of their namespace, and with them every network and mount.
  unshare --net --mount --pid --fork --kill-child --mount-proc "${BASH_SOURCE[0]}" inside "$suite" "${files[@]}" ||
    failed+=("$suite")
  rm -rf "$folders/$suite.run" 2>/dev/null || say "left-overs in $folders/$suite.run"
done
[ ${#failed[@]} -eq 0 ] || die "failed: ${failed[*]}"
