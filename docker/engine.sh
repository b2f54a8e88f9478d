#!/usr/bin/env bash
# A Docker engine for the demo and the tests, where none answers already.
#
#   docker/engine.sh start    prints DOCKER_HOST=… of an engine that answers; installs and starts one if need be
#   docker/engine.sh stop     ends the engine that `start` started and removes all that it made; any other is left alone
#   docker/engine.sh status   says which engine answers
#
# The engine has a socket, a data directory and a pid file of its own, so it never mixes with another one.
set -euo pipefail

run=${JOBGATE_ENGINE_RUN:-/run/jobgate-engine}
data=${JOBGATE_ENGINE_DATA:-/var/lib/jobgate-engine}
sock=unix://$run/docker.sock

say() { printf 'engine: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Asks each engine that a docker CLI would find, ours last.
answering() {
  command -v docker >/dev/null 2>&1 || return 1
  if timeout 10 docker version >/dev/null 2>&1; then
    printf '%s\n' "${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || echo unix:///var/run/docker.sock)}"
  elif [ -S "$run/docker.sock" ] && timeout 10 docker -H "$sock" version >/dev/null 2>&1; then
    printf '%s\n' "$sock"
  else
    return 1
  fi
}

install_engine() {
  if command -v dockerd >/dev/null 2>&1 && command -v iptables >/dev/null 2>&1; then return; fi
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 ||
    die 'no Docker engine answers and none can be installed here: install Docker and iptables (as root on Debian or Ubuntu: apt-get install docker.io iptables), or set DOCKER_HOST'
  say 'installing docker.io and iptables'
  export DEBIAN_FRONTEND=noninteractive
  {
    apt-get update -qq &&
      apt-get install -y -qq --no-install-recommends docker.io iptables
  } >"$log" 2>&1 || { tail -5 "$log" >&2; die "apt-get failed: see $log"; }
}

docker_chains() { { iptables-save 2>/dev/null || true; } | grep -c '^:DOCKER' || true; }

start_engine() {
  [ "$(id -u)" = 0 ] || die 'starting a Docker engine needs root: start one yourself, or set DOCKER_HOST'
  mkdir -p "$run" "$data"
  # What stood before tells `stop` what is its own to remove.
  docker_chains >"$run/chains-before"
  if [ -e /sys/class/net/docker0 ]; then echo 1; else echo 0; fi >"$run/bridge-before"
  cat /proc/sys/net/ipv4/ip_forward >"$run/forward-before"
  { iptables -S FORWARD 2>/dev/null || true; } | head -1 >"$run/policy-before"
  echo '{}' >"$run/daemon.json"
  say "starting dockerd at $sock"
  nohup dockerd -H "$sock" --data-root "$data" --exec-root "$run/exec" --pidfile "$run/docker.pid" \
    --config-file "$run/daemon.json" >"$run/dockerd.log" 2>&1 </dev/null &
  local pid=$!
  for _ in $(seq 300); do
    if timeout 5 docker -H "$sock" version >/dev/null 2>&1; then return; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
  done
  tail -5 "$run/dockerd.log" >&2
  die "dockerd did not start: see $run/dockerd.log"
}

remove_docker_rules() {
  local table chain
  for table in filter nat; do
    # Jumps first, then the chains, which must be empty and unused to go.
    { iptables-save -t $table 2>/dev/null || true; } | grep -E '^-A .*(-j DOCKER|-[io] docker0| -s 172\.17\.0\.0/16 )' |
      sed 's/^-A/-D/' | while read -r rule; do eval "iptables -t $table $rule" 2>/dev/null || true; done
    for step in -F -X; do
      { iptables-save -t $table 2>/dev/null || true; } | sed -n 's/^:\(DOCKER[^ ]*\) .*/\1/p' |
        while read -r chain; do iptables -t $table $step "$chain" 2>/dev/null || true; done
    done
  done
}

stop_engine() {
  if [ ! -f "$run/docker.pid" ]; then say 'no engine of ours runs'; return; fi
  local pid
  pid=$(cat "$run/docker.pid")
  local left
  left=$(docker -H "$sock" ps -aq 2>/dev/null || true)
  # shellcheck disable=SC2086
  [ -z "$left" ] || docker -H "$sock" rm -f $left >/dev/null 2>&1 || true
  docker -H "$sock" network prune -f >/dev/null 2>&1 || true
  kill "$pid" 2>/dev/null || true
  for _ in $(seq 150); do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
  kill -0 "$pid" 2>/dev/null && die "dockerd ($pid) does not end"
  if [ "$(cat "$run/chains-before")" = 0 ]; then remove_docker_rules; fi
  if [ "$(cat "$run/bridge-before")" = 0 ]; then ip link del docker0 2>/dev/null || true; fi
  case $(cat "$run/policy-before") in *ACCEPT) iptables -P FORWARD ACCEPT 2>/dev/null || true ;; esac
  cat "$run/forward-before" >/proc/sys/net/ipv4/ip_forward 2>/dev/null || true
  { grep -F " $run/" /proc/self/mounts || true; } | awk '{print $2}' | sort -r | while read -r m; do umount "$m" 2>/dev/null || true; done
  { grep -F " $data/" /proc/self/mounts || true; } | awk '{print $2}' | sort -r | while read -r m; do umount "$m" 2>/dev/null || true; done
  rm -rf "$run" "$data"
  say 'stopped'
}

log=${TMPDIR:-/tmp}/jobgate-engine-install.log
case ${1:-} in
  start)
    if ! host=$(answering); then
      install_engine
      # The package may have started one of its own.
      host=$(answering) || { start_engine; host=$sock; }
    fi
    printf 'DOCKER_HOST=%s\n' "$host"
    ;;
  stop) stop_engine ;;
  status) if host=$(answering); then echo "$host"; else echo 'no engine answers'; exit 1; fi ;;
  *) die "usage: docker/engine.sh start|stop|status" ;;
esac
