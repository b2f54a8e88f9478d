#!/usr/bin/env bash
# A small job image from this machine's own files, where no registry can be reached.
#
#   test/support/job-image.sh [NAME] [--with python3,node,…] [--force]
#
# NAME is jobgate-job:local unless given. `--with` adds programs of this machine, with the libraries and folders they need;
# one that isn't here is left out with a word on stderr. The image is made again only when a file that goes into it changed.
# DOCKER_HOST is used as the docker CLI uses it. Prints NAME.
set -euo pipefail
export LC_ALL=C

name=jobgate-job:local
with=()
force=no
say() { printf 'job-image: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

while [ $# -gt 0 ]; do
  case $1 in
    --with) [ $# -ge 2 ] || die '--with needs a list, e.g. --with python3,node'; IFS=, read -r -a with <<<"$2"; shift ;;
    --force) force=yes ;;
    -*) die "unknown option $1: usage: test/support/job-image.sh [NAME] [--with python3,node,…] [--force]" ;;
    *) name=$1 ;;
  esac
  shift
done

command -v docker >/dev/null 2>&1 || die 'the docker command is missing: run test/support/engine.sh start first'

# What a job must have, and what it has where the machine has it.
required=(bash cat curl cut date dd echo env false getent head id ls mkdir rm sleep sort tail tr true wc)
usual=(base64 basename chmod chown cp dirname du expr find grep gzip hostname ln mktemp mv nproc od printf pwd readlink sed seq
  sha256sum stat stty tar tee test timeout touch uname uniq xargs yes busybox)

# The machine's own program rather than a wrapper that a version manager put in front of it.
find_program() {
  PATH=/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:$PATH type -P -- "$1"
}

install_curl() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    die 'curl is missing on this machine: install it (on Debian or Ubuntu: apt-get install curl)'
  fi
  say 'installing curl'
  test/support/apt.sh install curl ca-certificates
}

find_program curl >/dev/null || install_curl

# Two lists: programs go to /usr/bin under their own names; extras are files and folders that keep their paths.
programs=()
extras=()
add_program() { # required|optional NAME
  local path
  if path=$(find_program "$2"); then
    programs+=("$2=$(readlink -f "$path")")
  elif [ "$1" = required ]; then
    die "$2 is missing on this machine"
  else
    return 1
  fi
}
add_extra() { if [ -e "$1" ]; then extras+=("$1"); fi; }

for program in "${required[@]}"; do add_program required "$program"; done
for program in "${usual[@]}"; do add_program optional "$program" || true; done
for program in ${with[@]+"${with[@]}"}; do
  add_program optional "$program" || { say "$program is not on this machine: the image goes without it"; continue; }
  path=$(find_program "$program")
  case $program in
    python3) while read -r folder; do add_extra "$folder"; done < <(
      "$path" -c 'import sysconfig; print(*{sysconfig.get_path(n) for n in ("stdlib", "platstdlib")}, sep="\n")') ;;
    git) add_extra "$("$path" --exec-path)"; add_extra /usr/share/git-core/templates ;;
    apt-get) add_extra /usr/lib/apt; add_extra /usr/share/dpkg ;;
    squid) for extra in /usr/share/squid{,-langpack} /usr/lib/squid/{log_file_daemon,unlinkd} /etc/squid/errorpage.css; do
      add_extra "$extra"; done ;;
    openssl) add_extra /etc/ssl/openssl.cnf; add_extra /usr/lib/ssl ;;
  esac
done
add_extra /etc/ssl/certs/ca-certificates.crt

# Every ELF file's libraries, those of name look-ups (opened at run time, so ldd doesn't list them), and the loader.
binaries=()
for entry in "${programs[@]}"; do binaries+=("${entry#*=}"); done
for extra in "${extras[@]}"; do
  mapfile -t -O "${#binaries[@]}" binaries < <(
    find "$extra" -type f \( -name '*.so' -o -name '*.so.*' -o -perm /111 \) -not -path '*/site-packages/*')
done
mapfile -t libraries < <({ ldd "${binaries[@]}" 2>/dev/null || true; } |
  awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// && $2 ~ /^\(/ { print $1 }' | sort -u)
libc=$(printf '%s\n' ${libraries[@]+"${libraries[@]}"} | grep -m1 '/libc\.so\.6$' || true)
if [ -n "$libc" ]; then
  for library in libnss_dns.so.2 libnss_files.so.2 libresolv.so.2; do
    [ ! -e "${libc%/*}/$library" ] || libraries+=("${libc%/*}/$library")
  done
fi

# The inputs' names, sizes and times stand for their contents.
inputs=$({
  printf '%s\n' "${programs[@]}" "${extras[@]}"
  cat "${BASH_SOURCE[0]}"
  find -L "${binaries[@]}" "${libraries[@]}" "${extras[@]}" -type f -not -name '*.pyc' -printf '%p %s %T@\n' 2>/dev/null | sort -u
} | sha256sum | cut -c1-64)
label=jobgate.test-image.inputs
if [ "$force" = no ] &&
  [ "$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$name" 2>/dev/null)" = "$inputs" ]; then
  printf '%s\n' "$name"
  exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
root=$work/root
mkdir -p "$root"/{usr/{bin,lib,lib64},etc,root,home/job,var,run}
mkdir -m 1777 "$root/tmp"
for folder in bin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
ln -s usr/bin "$root/sbin"
ln -s bin "$root/usr/sbin"
ln -s bash "$root/usr/bin/sh"

for entry in "${programs[@]}"; do cp -L "${entry#*=}" "$root/usr/bin/${entry%%=*}"; done
for library in "${libraries[@]}"; do
  mkdir -p "$root${library%/*}"
  cp -L "$library" "$root$library"
done
for extra in "${extras[@]}"; do
  mkdir -p "$root${extra%/*}"
  if [ -d "$extra" ]; then
    # Links stay links (git's folder is two hundred of them to one file), except those that lead out of the folder.
    tar -C / --exclude='*/__pycache__' --exclude='*/site-packages/*' --exclude='*/dist-packages/*' --exclude='*/test' \
      --exclude='*/config-3*' --exclude='*/idlelib' --exclude='*/lib2to3' -cf - "${extra#/}" | tar -C "$root" -xf -
  else
    cp -L "$extra" "$root$extra"
  fi
done

cat >"$root/etc/nsswitch.conf" <<'FILE'
passwd: files
group: files
hosts: files dns
FILE
cat >"$root/etc/passwd" <<'FILE'
root:x:0:0:root:/root:/bin/bash
job:x:1000:1000:job:/home/job:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
FILE
printf 'root:x:0:\njob:x:1000:\nnogroup:x:65534:\n' >"$root/etc/group"
: >"$root/etc/ld.so.conf"

old=$(docker image inspect --format '{{.Id}}' "$name" 2>/dev/null || true)
# The same inputs give the same bytes.
tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - . |
  docker import --change 'ENV PATH=/usr/bin:/bin' --change 'CMD ["bash"]' --change "LABEL $label=$inputs" \
    --message 'made by test/support/job-image.sh' - "$name" >/dev/null || die "the engine did not take the image $name"
if [ -n "$old" ]; then docker rmi "$old" >/dev/null 2>&1 || true; fi
say "made $name ($(du -sm "$root" | cut -f1) MB)"
printf '%s\n' "$name"
