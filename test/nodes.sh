#!/usr/bin/env bash
# What has to hold on every Node that is supported: the unit tests; the package, as it is packed, in an empty project, by
# the npm that comes with that Node and without a word of warning; from there an image with that Node in it, and a job in
# each placement.
#
#   test/nodes.sh [--no-unit] [own|22|24|26…]
#
# All four unless named; `own` is this machine's. The others, the newest ones, and npm are fetched from the package
# registry into node_modules/.cache, each time that there is a newer one. Needs what the end-to-end tests need, and dist/.
# TEST_RESULTS names a folder for vitest's reports.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
project=$PWD
cache=$project/node_modules/.cache/jobgate
export CI=true

say() { printf 'nodes: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

unit=yes
versions=()
for argument in "$@"; do
  case $argument in
    --no-unit) unit=no ;;
    own | [0-9]*) versions+=("$argument") ;;
    *) die "unknown argument $argument: usage: test/nodes.sh [--no-unit] [own|22|24|26…]" ;;
  esac
done
[ ${#versions[@]} -gt 0 ] || versions=(own 22 24 26)
[ -e dist/src/cli.js ] || die 'dist/ is missing: npm run build'

work=$(mktemp -d)
engine_started=no
finish() {
  rm -rf "$work"
  [ "$engine_started" = no ] || test/support/engine.sh stop
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

fetch() { # PACKAGE MAJOR: prints the folder that the package is in
  local folder=$cache/$1-$2
  mkdir -p "$folder"
  npm install --silent --ignore-scripts --no-audit --no-fund --no-save --prefix "$folder" "$1@$2" >&2 ||
    die "$1@$2 cannot be had from the package registry"
  printf '%s\n' "$folder/node_modules/$1"
}

vitest() { # NAME ARGUMENTS…
  local name=$1 reports=()
  shift
  [ -z "${TEST_RESULTS:-}" ] ||
    reports=(--reporter=default --reporter=json "--outputFile.json=$TEST_RESULTS/$name.json")
  node node_modules/vitest/vitest.mjs run ${reports[@]+"${reports[@]}"} "$@"
}

# In a subshell with this Node, and the npm that comes with it, first in PATH.
prove() { # NAME
  local empty=$work/$1 image
  say "$1: Node $(node --version), npm $(npm --version)"
  [ "$unit" = no ] || vitest "unit-$1" --project unit --project unit-node-http || return 1

  mkdir "$empty"
  echo '{ "name": "empty", "version": "1.0.0" }' >"$empty/package.json"
  # No registry, and no settings of whoever runs this: what the package needs is in it, or this fails.
  (cd "$empty" && npm_config_userconfig=/dev/null npm install --offline --no-audit --no-fund "$tarball") \
    >"$empty/log" 2>&1 || { cat "$empty/log" >&2; return 1; }
  if grep -i 'warn' "$empty/log" >&2; then say "$1: npm install warns"; return 1; fi
  [ "$(ls "$empty/node_modules")" = jobgate ] || { say "$1: not one package: $(ls "$empty/node_modules")"; return 1; }
  [ "$("$empty/node_modules/.bin/jobgate" --version)" = "$version" ] || { say "$1: no jobgate --version"; return 1; }

  PACKAGE_UNDER_TEST=$empty/node_modules/jobgate vitest "e2e-$1" --project e2e --project e2e-container \
    test/e2e/http-job.test.ts -t 'reaches its domain over HTTPS and HTTP' || return 1
  image=$(docker run --rm --network none --entrypoint node "jobgate:$version" --version)
  [ "$image" = "$(node --version)" ] || { say "$1: the image has Node $image"; return 1; }
}

with_node() { # NAME
  local node npm
  if [ "$1" != own ]; then
    # What the package `node` would fetch by a script.
    node=$(fetch "node-linux-$(node -p process.arch)" "$1")
    npm=$(fetch npm "$([ "$1" -lt 24 ] && echo 10 || echo 11)")
    mkdir -p "$work/bin-$1"
    ln -s "$node/bin/node" "$work/bin-$1/node"
    ln -s "$npm/bin/npm-cli.js" "$work/bin-$1/npm"
    PATH=$work/bin-$1:$PATH
    case $(node --version) in v"$1".*) ;; *) die "Node $1 does not run here" ;; esac
  fi
  prove "$1"
}

version=$(node -p 'require("./package.json").version')
tarball=$work/$(npm pack --silent --ignore-scripts --pack-destination "$work")
answer=$(test/support/engine.sh start)
DOCKER_HOST=$(sed -n 's/^DOCKER_HOST=//p' <<<"$answer")
export DOCKER_HOST
case $answer in *STARTED=yes*) engine_started=yes ;; esac

failed=()
for name in "${versions[@]}"; do
  (with_node "$name") || failed+=("$name")
done
[ ${#failed[@]} -eq 0 ] || die "failed on: ${failed[*]}"
say "fine on: ${versions[*]}"
