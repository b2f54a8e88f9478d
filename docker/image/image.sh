#!/usr/bin/env bash
# The image of jobgate itself from this machine's own Node and dist/, where no registry can be reached.
# docker/deploy/Dockerfile makes the same from a base image.
#
#   docker/image/image.sh [NAME] [--force]
#
# NAME is jobgate:VERSION unless given, where a gateway looks for it. The image is made again only when something that
# goes into it changed. DOCKER_HOST is used as the docker CLI uses it. Prints NAME.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() { printf 'image: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

command -v docker >/dev/null 2>&1 || die 'the docker command is missing: install Docker'
docker version >/dev/null 2>&1 || die 'no Docker engine answers: start Docker, or set DOCKER_HOST'
[ -e dist/src/cli.js ] || die 'dist/ is missing: npm run build'
node=$(node -p process.execPath) || die 'node is missing'
version=$(node -p 'require("./package.json").version')

name=jobgate:$version
force=no
while [ $# -gt 0 ]; do
  case $1 in
    --force) force=yes ;;
    -*) die "unknown option $1: usage: docker/image/image.sh [NAME] [--force]" ;;
    *) name=$1 ;;
  esac
  shift
done

# Beside Node: a shell, and what the host placement needs where jobgate runs in a container with the host's network.
find_program() { PATH=/usr/bin:/bin:/usr/sbin:/sbin type -P -- "$1"; }
programs=("node=$node")
for program in sh setpriv prlimit iptables iptables-save iptables-restore ip6tables-save ip6tables-restore ip; do
  if path=$(find_program "$program"); then
    programs+=("$program=$(readlink -f "$path")")
  else
    [ "$program" != sh ] || die 'sh is missing on this machine'
    say "$program is not on this machine: it is of use to gateways on the host, which an image without it cannot open or not as well"
  fi
done
binaries=()
for entry in "${programs[@]}"; do binaries+=("${entry#*=}"); done

mapfile -t libraries < <({ ldd "${binaries[@]}" 2>/dev/null || true; } |
  awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// && $2 ~ /^\(/ { print $1 }' | sort -u)
# Opened at run time, so ldd doesn't list them: name look-ups, and the matches and targets of iptables.
libc=$(printf '%s\n' ${libraries[@]+"${libraries[@]}"} | grep -m1 '/libc\.so\.6$' || true)
if [ -n "$libc" ]; then
  for library in "${libc%/*}"/{libnss_dns.so.2,libnss_files.so.2,libresolv.so.2}; do
    [ ! -e "$library" ] || libraries+=("$library")
  done
  while read -r library; do libraries+=("$library"); done < <(
    find /usr/lib/*/xtables /usr/lib/xtables -name 'lib*_*.so' 2>/dev/null)
fi
extras=()
for file in /etc/ssl/certs/ca-certificates.crt /etc/iproute2/rt_tables /usr/share/iproute2/rt_tables; do
  [ ! -e "$file" ] || extras+=("$(readlink -f "$file")=$file")
done

# jobgate itself, which has all it depends on in dist/.
own=(package.json LICENSE dist docker/engine/resolv.conf)

# Names, sizes and times of the machine's files, and the contents of ours, stand for what goes in.
inputs=$({
  printf '%s\n' "${programs[@]}" "${extras[@]}"
  cat docker/image/image.sh
  stat -L -c '%n %s %Y' "${binaries[@]}" "${libraries[@]}"
  find "${own[@]}" -type f | sort | xargs sha256sum
} | sha256sum | cut -c1-64)
label=jobgate.image.inputs
if [ "$force" = no ] &&
  [ "$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$name" 2>/dev/null)" = "$inputs" ]; then
  printf '%s\n' "$name"
  exit
fi

if [ -t 2 ]; then say "making $name from files of this machine"; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
root=$work/root
mkdir -p "$root"/{usr/{bin,lib,lib64},etc,var,opt/jobgate,run/jobgate,proc,sys,dev}
mkdir -m 1777 "$root/tmp"
for folder in bin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
ln -s usr/bin "$root/sbin"
ln -s bin "$root/usr/sbin"

declare -A put=()
for entry in "${programs[@]}"; do
  target=$root/usr/bin/${entry%%=*}
  # The commands of iptables are names of one file.
  if [ -n "${put[${entry#*=}]:-}" ]; then ln -s "${put[${entry#*=}]}" "$target"; continue; fi
  cp -L "${entry#*=}" "$target"
  put[${entry#*=}]=${entry%%=*}
done
for library in "${libraries[@]}"; do
  mkdir -p "$root${library%/*}"
  cp -L "$library" "$root$library"
done
for entry in ${extras[@]+"${extras[@]}"}; do
  mkdir -p "$root$(dirname "${entry#*=}")"
  cp -L "${entry%%=*}" "$root${entry#*=}"
done
tar --exclude='*.d.ts' --exclude='*.d.cts' -cf - "${own[@]}" | tar -C "$root/opt/jobgate" -xf -
printf '#!/bin/sh\nexec node /opt/jobgate/dist/src/cli.js "$@"\n' >"$root/usr/bin/jobgate"
chmod 755 "$root/usr/bin/jobgate"

printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
printf 'root:x:0:0:root:/:/bin/sh\njobgate:x:10213:10213:jobgate:/opt/jobgate:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\njobgate:x:10213:\n' >"$root/etc/group"

old=$(docker image inspect --format '{{.Id}}' "$name" 2>/dev/null || true)
# The same as docker/deploy/Dockerfile says, which has no part in `docker import`.
changes=(
  'ENV PATH=/usr/bin:/bin NODE_ENV=production'
  'USER 10213:10213'
  'WORKDIR /opt/jobgate'
  'ENTRYPOINT ["node", "/opt/jobgate/dist/src/cli.js"]'
  'CMD ["--help"]'
  'HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["node", "/opt/jobgate/dist/docker/image/healthcheck.js"]'
  "LABEL $label=$inputs"
  'LABEL org.opencontainers.image.title=jobgate'
  "LABEL org.opencontainers.image.version=$version"
  'LABEL org.opencontainers.image.licenses=Apache-2.0'
  'LABEL org.opencontainers.image.description="The network enforcement point of a compute node"'
)
# Podman takes no health check from `docker import`; a gateway has none.
if docker version --format '{{range .Server.Components}}{{.Name}},{{end}}' | grep -q '^Podman Engine,'; then
  for i in "${!changes[@]}"; do case ${changes[i]} in HEALTHCHECK*) unset "changes[$i]" ;; esac; done
fi
arguments=()
for change in "${changes[@]}"; do arguments+=(--change "$change"); done
tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - . |
  docker import "${arguments[@]}" --message 'made by docker/image/image.sh' - "$name" >/dev/null ||
  die "the engine did not take the image $name"
if [ -n "$old" ]; then docker rmi "$old" >/dev/null 2>&1 || true; fi
say "made $name ($(du -sm "$root" | cut -f1) MB)"
printf '%s\n' "$name"
