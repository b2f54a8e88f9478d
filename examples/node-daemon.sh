#!/bin/sh
# A node daemon in plain shell, with curl and docker only: opens a gateway, runs the job's container with what it was
# given, and closes the gateway.
#
#   node-daemon.sh SOCKET JOB DOMAIN IMAGE CMD...
set -eu
socket=$1 job=$2 domain=$3 image=$4
shift 4
api() { curl -sS --fail-with-body --unix-socket "$socket" "$@"; }
body="{\"jobId\": \"$job\", \"network\": {\"Type\": \"HTTP\", \"Domains\": [\"$domain\"]}}"

id=$(api -H 'Content-Type: application/json' -d "$body" http://localhost/v1/gateways |
  sed 's/^{"id":"\([0-9a-f]*\)".*/\1/')
trap 'api -o /dev/null -X DELETE "http://localhost/v1/gateways/$id?drain=2s"' EXIT

# One option a line, some with spaces in it.
options=$(api "http://localhost/v1/gateways/$id/docker")
IFS='
'
set -f
# shellcheck disable=SC2086
docker run --rm $options "$image" "$@"
