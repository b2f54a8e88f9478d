#!/usr/bin/env bash
# jobgate on the engines of several Debian releases, Docker's and Podman's, rootful and rootless:
#
#   test/engines.sh [--brief] [--docs] [ENGINE…] [-- VITEST ARGUMENTS]
#
# Engines are bookworm, trixie, forky (Docker 20.10, 26.1, 28.5), and of the latter two trixie-docker-rootless,
# trixie-podman, trixie-podman-rootless, and so on; all of them unless named. On each runs test/engines/engines.test.ts, and
# on a rootful Docker what of the end-to-end tests concerns the engine, in both placements; --brief leaves that out.
# --docs writes the table of docs/engines.md, of the engines that were named.
#
# Engines are installed from Debian's packages into a folder for each release (about a minute, kept for the next time) and
# run with that folder as their root, in network, mount and process namespaces of their own, as do the tests: an engine that
# runs on this machine is not disturbed, and all of it ends with the namespaces. `test/engines.sh clean` removes the
# folders. Needs root and Debian or Ubuntu; JOBGATE_ENGINES puts the folders elsewhere, DEBIAN_MIRROR names a mirror.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
project=$PWD
folders=${JOBGATE_ENGINES:-/var/lib/jobgate-engines}
# What the engine has to do with; the rest of the suite is the same on all.
files=(test/e2e/{http-job,any-program,crash,sweep,gateway,lockdown,container-gateway,container-scan,doctor}.test.ts)
docker=docker.io,iptables,iproute2,ca-certificates
rootless=rootlesskit,slirp4netns,uidmap,fuse-overlayfs
podman=podman,crun,netavark,aardvark-dns,nftables,passt,catatonit
# Of whom rootless engines are.
uid=2000

say() { printf 'test-engines: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

mirror() {
  printf '%s\n' "${DEBIAN_MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    grep -oE '^(URIs:|deb) .*' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -1)}"
}

install_engines() { # SUITE
  local root=$folders/$1 packages=$docker from log script=/usr/share/debootstrap/scripts/sid
  [ ! -e "$root/complete" ] || return 0
  [ "$1" = bookworm ] || packages=$docker,$rootless,$podman
  from=$(mirror)
  [ -n "$from" ] || die 'no Debian mirror is configured in /etc/apt: set DEBIAN_MIRROR'
  if ! command -v debootstrap >/dev/null; then
    say 'installing debootstrap'
    test/support/apt.sh install debootstrap
  fi
  rm -rf "$root"
  mkdir -p "$folders"
  say "installing the engines of $1"
  log=$folders/$1.log
  # A release that is newer than debootstrap has no script of its own.
  debootstrap --variant=minbase --include="$packages" "$1" "$root" "$from" "$script" >"$log" 2>&1 ||
    { tail -5 "$log" >&2; die "debootstrap of $1 failed: see $log"; }
  mkdir -p "$root/old"
  printf 'engine:x:%s:%s::/:/bin/sh\n' $uid $uid >>"$root/etc/passwd"
  printf 'engine:x:%s:\n' $uid >>"$root/etc/group"
  printf 'engine:100000:65536\n' | tee "$root/etc/subuid" >"$root/etc/subgid"
  touch "$root/complete"
}

# In the namespaces, with the machine's root: the engine, then the tests.
inside() { # ENGINE BRIEF VITEST-ARGUMENTS…
  local target=$1 brief=$2 suite kind root run engine waited version status=0
  unset JOBGATE_ENGINES # no setting of jobgate's
  shift 2
  suite=${target%%-*}
  kind=${target#"$suite"}
  kind=${kind#-}
  kind=${kind:-docker}
  root=$folders/$suite
  run=$folders/$target.run
  ip link set lo up
  # Rootless networks want a way out of the machine. This one leads nowhere.
  ip link add outside type veth peer name nowhere
  ip link set nowhere up
  ip link set outside up
  ip addr add 192.0.2.2/24 dev outside
  ip route add default via 192.0.2.1
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
    root=$1 run=$2 project=$3 kind=$4 uid=$5
    mount --make-rprivate /
    mount --bind "$root" "$root"
    mount -t tmpfs tmpfs "$root/run" # nothing of the last time
    # What the engine mounts into containers, it must see where the tests see it.
    for folder in /proc /sys /dev /tmp /run/jobgate "$run" "$project"; do
      mkdir -p "$folder" "$root$folder"
      mount --rbind "$folder" "$root$folder"
    done
    cd "$root"
    pivot_root . old
    umount -l /old
    exec >"$run/engine.log" 2>&1 </dev/null
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin
    unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS DOCKER_HOST
    as=()
    if [[ $kind = *-rootless ]]; then
      mkdir -p "$run/home" "$run/user"
      chown "$uid:$uid" "$run" "$run/home" "$run/user"
      chmod 700 "$run/user"
      export HOME=$run/home XDG_RUNTIME_DIR=$run/user
      # Of the mode that it has on a machine with udev.
      mknod "$run/tun" c 10 200
      chmod 666 "$run/tun"
      mount --bind "$run/tun" /dev/net/tun
      as=(setpriv --reuid "$uid" --regid "$uid" --init-groups)
    fi
    if [[ $kind = podman* ]]; then
      # crun takes one hierarchy of cgroups, not both at once.
      ! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
      # There is no systemd here, and perhaps no capability to raise limits.
      printf "[containers]\ndefault_ulimits = [\"nofile=%s:%s\", \"nproc=4096:4096\"]\n[engine]\n" \
        "$(ulimit -Hn)" "$(ulimit -Hn)" >"$run/containers.conf"
      printf "cgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"crun\"\n" >>"$run/containers.conf"
      printf "[network]\nnetwork_config_dir = \"%s\"\n" "$run/networks" >>"$run/containers.conf"
      export CONTAINERS_CONF_OVERRIDE=$run/containers.conf PODMAN_IGNORE_CGROUPSV1_WARNING=1
      mkdir -p /run/netns
    fi
    own=(--data-root "$run/data" --exec-root "$run/exec" --pidfile "$run/docker.pid")
    case $kind in
      docker) exec dockerd -H "unix://$run/docker.sock" "${own[@]}" ;;
      docker-rootless)
        exec "${as[@]}" /usr/share/docker.io/contrib/dockerd-rootless.sh -H "unix://$run/docker.sock" --data-root "$run/data"
        ;;
      podman)
        exec podman --root "$run/data" --runroot "$run/runroot" --tmpdir "$run/tmp" \
          system service --time=0 "unix://$run/docker.sock"
        ;;
      podman-rootless) exec "${as[@]}" podman system service --time=0 "unix://$run/docker.sock" ;;
    esac
  ' - "$root" "$run" "$project" "$kind" "$uid" &
  engine=$!
  export DOCKER_HOST=unix://$run/docker.sock
  # Where it is too busy to answer, the tests start one that is nobody else's.
  export JOBGATE_ENGINE_RUN=$run/other JOBGATE_ENGINE_DATA=$run/other-data
  for waited in $(seq 300); do
    if version=$(timeout 5 docker version --format '{{.Server.Version}}' 2>/dev/null); then break; fi
    if [ "$waited" = 300 ] || ! kill -0 $engine 2>/dev/null; then
      tail -5 "$run/engine.log" >&2
      die "the engine $target did not start"
    fi
    sleep 0.2
  done
  say "$target: version $version"
  CI=true TEST_ENGINE="$suite ${kind//-/ }" npx vitest run --project engines || status=$?
  if [ "$kind" = docker ] && [ "$brief" = no ]; then
    CI=true npx vitest run --project e2e --project e2e-container "$@" || status=$?
  fi
  kill $engine
  wait $engine || true
  return $status
}

# Podman leaves its cgroup, which is no namespace's.
remove_cgroups() {
  find /sys/fs/cgroup -depth -type d -path '*/libpod_parent*' -exec rmdir {} + 2>/dev/null || true
}

case ${1:-} in
  inside) shift; inside "$@"; exit ;;
  clean) rm -rf "$folders"; exit ;;
esac

brief=no docs=()
targets=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  case $1 in
    --brief) brief=yes ;;
    --docs) docs=(--docs) ;;
    bookworm | trixie | forky | trixie-* | forky-*) targets+=("$1") ;;
    *) die "unknown engine $1: usage: test/engines.sh [--brief] [--docs] [ENGINE…] [-- VITEST ARGUMENTS]" ;;
  esac
  shift
done
[ ${#targets[@]} -gt 0 ] ||
  targets=(bookworm {trixie,forky}{,-docker-rootless} {trixie,forky}-podman{,-rootless})
[ $# -le 1 ] || files=("${@:2}")
[ "$(id -u)" = 0 ] || die 'namespaces and an engine of its own need root'
command -v docker >/dev/null || die 'the docker command is missing: run test/support/engine.sh start first'
[ -e dist/src/cli.js ] || die 'dist/ is missing: npm run build'

failed=()
rows=$(mktemp)
trap 'rm -f "$rows" "$rows.one"' EXIT
had_cgroups=$(find /sys/fs/cgroup -maxdepth 2 -name libpod_parent 2>/dev/null | head -1)
for target in "${targets[@]}"; do
  install_engines "${target%%-*}"
  : >"$rows.one"
  # All processes end with the first one of their namespace, and with them every network and mount.
  if TEST_ENGINES_ROWS=$rows.one unshare --net --mount --pid --fork --kill-child --mount-proc \
    "${BASH_SOURCE[0]}" inside "$target" "$brief" "${files[@]}"; then
    cat "$rows.one" >>"$rows"
  else
    failed+=("$target")
  fi
  rm -rf "$folders/$target.run" 2>/dev/null || say "left-overs in $folders/$target.run"
  [ -n "$had_cgroups" ] || remove_cgroups
done
# A table of those that failed would not be true.
[ ${#failed[@]} -eq 0 ] || die "failed: ${failed[*]}"
npx tsx test/engines/table.ts "$rows" "${docs[@]}"
