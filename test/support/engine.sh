#!/usr/bin/env bash
# A Docker engine for the demo and the tests, where none answers already.
#
#   test/support/engine.sh start    prints DOCKER_HOST=… of an engine that answers, installing and starting one if need be,
#                             and STARTED=yes when it was this call that started it, else STARTED=no
#   test/support/engine.sh install  installs what an engine needs, where it is missing, and starts none
#   test/support/engine.sh stop     ends the engine that `start` started and removes all that it made; any other is left alone
#   test/support/engine.sh status   says which engine answers
#
# The engine has a socket, a data directory and a pid file of its own, so it never mixes with another one.
# JOBGATE_ENGINE_RUN and JOBGATE_ENGINE_DATA put them elsewhere; with JOBGATE_ENGINE_OWN=1 no other engine is asked.
set -euo pipefail

run=${JOBGATE_ENGINE_RUN:-/run/jobgate-engine}
data=${JOBGATE_ENGINE_DATA:-/var/lib/jobgate-engine}
case $run in /*) ;; *) run=$PWD/$run ;; esac
case $data in /*) ;; *) data=$PWD/$data ;; esac
sock=unix://$run/docker.sock
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf 'engine: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# One start or stop at a time. The lock is on the folder above, so that no lock file is left; dockerd must not inherit it.
lock() {
  local above
  above=$(dirname "$run")
  mkdir -p "$above"
  exec 9<"$above"
  flock -w 180 9 || die "another test/support/engine.sh has been busy for three minutes (lock on $above)"
}

# Asks each engine that the docker CLI would find, ours last.
answering() {
  command -v docker >/dev/null 2>&1 || return 1
  if [ "${JOBGATE_ENGINE_OWN:-}" != 1 ] && timeout 10 docker version >/dev/null 2>&1; then
    printf '%s\n' "${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || echo unix:///var/run/docker.sock)}"
  elif answers_ours; then
    printf '%s\n' "$sock"
  else
    return 1
  fi
}

answers_ours() { [ -S "$run/docker.sock" ] && timeout 10 docker -H "$sock" version >/dev/null 2>&1; }

# Processes are read from /proc: a fresh machine may have neither ps nor pgrep.
is_our_dockerd() { tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF -- "$sock"; }

our_pid() {
  local pid
  pid=$(cat "$run/docker.pid" 2>/dev/null) && is_our_dockerd "$pid" && printf '%s\n' "$pid"
}

# Another dockerd in this network namespace: bridges and rules may then be its own.
other_dockerd() {
  local dir pid
  for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    if [ "$(cat "$dir/comm" 2>/dev/null)" = dockerd ] && ! is_our_dockerd "$pid" &&
      [ "$(readlink "$dir/ns/net" 2>/dev/null)" = "$(readlink /proc/self/ns/net)" ]; then
      return 0
    fi
  done
  return 1
}

# containerd and its shims of a dockerd that was killed: they carry our directory in their command lines.
end_leftovers() {
  local dir pid
  for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    case $(cat "$dir/comm" 2>/dev/null) in
      containerd*) if tr '\0' ' ' 2>/dev/null <"$dir/cmdline" | grep -qF -- "$run/exec/"; then kill -9 "$pid" 2>/dev/null || true; fi ;;
    esac
  done
}

interfaces() { sed -n 's/^ *\([^ :]*\):.*/\1/p' /proc/net/dev; }

install_engine() {
  local missing=() tool
  for tool in docker dockerd iptables ip; do command -v "$tool" >/dev/null 2>&1 || missing+=("$tool"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    die "no Docker engine answers, and ${missing[*]} cannot be installed here: install Docker and iptables (as root on Debian or Ubuntu: apt-get install docker.io iptables iproute2), or set DOCKER_HOST"
  fi
  say 'installing docker.io iptables iproute2'
  "$here/apt.sh" install docker.io iptables iproute2
  # Newer releases have the client in a package of its own, which docker.io only recommends.
  command -v docker >/dev/null 2>&1 || "$here/apt.sh" install docker-cli
}

# What stood before tells `stop` what is its own to remove. A record from a start whose engine died is kept: it is the true one.
record_before() {
  [ ! -e "$run/before" ] || return 0
  mkdir "$run/before.new"
  local ipt
  for ipt in iptables ip6tables; do
    { "$ipt-save" 2>/dev/null || true; } | grep -c '^:DOCKER' >"$run/before.new/$ipt-chains" || true
    { "$ipt" -S FORWARD 2>/dev/null || true; } | head -1 >"$run/before.new/$ipt-policy"
  done
  interfaces >"$run/before.new/interfaces"
  cat /proc/sys/net/ipv4/ip_forward >"$run/before.new/ip_forward"
  if grep -q ' /sys/fs/cgroup[ /]' /proc/self/mounts; then echo no; else echo yes; fi >"$run/before.new/no-cgroup"
  mv "$run/before.new" "$run/before"
}

start_engine() {
  [ "$(id -u)" = 0 ] || die 'no Docker engine answers, and starting one needs root: start one yourself, or set DOCKER_HOST'
  local pid
  if pid=$(our_pid); then
    for _ in $(seq 50); do if answers_ours; then return; fi; sleep 0.2; done
    die "dockerd ($pid) runs at $sock but does not answer: see $run/dockerd.log, then test/support/engine.sh stop"
  fi
  mkdir -p "$run" "$data"
  # What a dockerd that was killed leaves makes the next one wait for a containerd that is gone.
  end_leftovers
  unmount_below "$run/exec"
  rm -rf "$run/exec" "$run/docker.pid" "$run/docker.sock" "$run/before.new"
  record_before
  # A bare machine (no init, a container) may have no cgroups mounted yet.
  if [ "$(cat "$run/before/no-cgroup")" = yes ]; then mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null || true; fi
  # A configuration of its own, and not /etc/docker/daemon.json, which belongs to another engine.
  echo '{}' >"$run/daemon.json"
  say "starting dockerd at $sock"
  nohup dockerd -H "$sock" --data-root "$data" --exec-root "$run/exec" --pidfile "$run/docker.pid" \
    --config-file "$run/daemon.json" >"$run/dockerd.log" 2>&1 </dev/null 9<&- &
  pid=$!
  for _ in $(seq 300); do
    if answers_ours; then return; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
  done
  tail -5 "$run/dockerd.log" >&2
  local log
  log=$(mktemp)
  cp "$run/dockerd.log" "$log"
  stop_engine
  die "dockerd did not start: its log is in $log"
}

# Deletes the rules that iptables-save lists and a pattern picks, all of a table at once and without a shell reading them.
delete_rules() { # iptables|ip6tables TABLE PATTERN
  local rules
  rules=$({ "$1-save" -t "$2" 2>/dev/null || true; } | grep -E "^-A .*($3)" | sed 's/^-A/-D/' || true)
  [ -z "$rules" ] || printf '*%s\n%s\nCOMMIT\n' "$2" "$rules" | "$1-restore" --noflush 2>/dev/null || true
}

remove_docker_rules() { # iptables|ip6tables
  local ipt=$1 table step chain
  for table in filter nat raw; do
    delete_rules "$ipt" $table ' -[ijo] DOCKER| -[io] (docker0|br-[0-9a-f]{12}) | -s 172\.17\.0\.0/16 '
    # Chains must be empty and unused to go.
    for step in -F -X; do
      { "$ipt-save" -t $table 2>/dev/null || true; } | sed -n 's/^:\(DOCKER[^ ]*\) .*/\1/p' |
        while read -r chain; do "$ipt" -t $table $step "$chain" 2>/dev/null || true; done
    done
  done
}

remove_network_traces() {
  local name ipt
  # Bridges of a dockerd that died with networks up; of one that ended well only docker0 is left.
  interfaces | grep -E '^(docker0|br-[0-9a-f]{12}|jg[-c][0-9a-f]+)$' | grep -vxFf "$run/before/interfaces" |
    while read -r name; do ip link del "$name" 2>/dev/null || true; done || true
  for ipt in iptables ip6tables; do
    if [ "$(cat "$run/before/$ipt-chains")" = 0 ]; then remove_docker_rules "$ipt"; fi
    case $(cat "$run/before/$ipt-policy") in *ACCEPT) "$ipt" -P FORWARD ACCEPT 2>/dev/null || true ;; esac
  done
  { cat "$run/before/ip_forward" >/proc/sys/net/ipv4/ip_forward; } 2>/dev/null || true
}

unmount_below() {
  awk -v top="$1" '$2 == top || index($2, top "/") == 1 { print $2 }' /proc/self/mounts | sort -r |
    while read -r mount; do umount "$mount" 2>/dev/null || umount -l "$mount" 2>/dev/null || true; done
}

stop_engine() {
  if [ ! -e "$run/before" ] && [ ! -e "$run/docker.pid" ]; then say 'no engine of ours runs'; return; fi
  [ "$(id -u)" = 0 ] || die 'stopping the engine needs root'
  local pid
  if pid=$(our_pid); then
    # Dozens may be left of tests that failed, and each takes a while.
    { timeout 30 docker -H "$sock" ps -aq || true; } 2>/dev/null |
      timeout 180 xargs -r -n 8 -P 4 docker -H "$sock" rm -f >/dev/null 2>&1 || true
    { timeout 30 docker -H "$sock" network ls -q --filter type=custom || true; } 2>/dev/null |
      timeout 180 xargs -r -n 8 docker -H "$sock" network rm >/dev/null 2>&1 || true
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
    if kill -9 "$pid" 2>/dev/null; then say "dockerd ($pid) had to be killed"; sleep 1; fi
  fi
  end_leftovers
  if [ -e "$run/before" ] && ! other_dockerd; then remove_network_traces; fi
  local no_cgroup
  no_cgroup=$(cat "$run/before/no-cgroup" 2>/dev/null || echo no)
  unmount_below "$run"
  unmount_below "$data"
  if [ "$no_cgroup" = yes ]; then umount /sys/fs/cgroup 2>/dev/null || true; fi
  rm -rf "$run" "$data"
  say 'stopped'
}

case ${1:-} in
  start)
    started=no
    if ! host=$(answering); then
      [ -z "${DOCKER_HOST:-}" ] || say "DOCKER_HOST is $DOCKER_HOST, but nothing answers there: looking for another engine"
      unset DOCKER_HOST
      lock
      if ! host=$(answering); then
        install_engine
        # The package may have started one of its own.
        host=$(answering) || { start_engine; host=$sock; started=yes; }
      fi
    fi
    printf 'DOCKER_HOST=%s\nSTARTED=%s\n' "$host" "$started"
    ;;
  install) lock; install_engine ;;
  stop) lock; stop_engine ;;
  status) if host=$(answering); then echo "$host"; else echo 'no engine answers'; exit 1; fi ;;
  *) die "usage: test/support/engine.sh start|install|stop|status" ;;
esac
