# chromium.sh URL: the text of the page; of ws:// and wss:// what a page is told there.
set -euo pipefail
export HOME=/tmp/home
store=$HOME/.pki/nssdb
if [ ! -e "$store" ]; then
  mkdir -p "$store"
  certutil -N -d "sql:$store" --empty-password
  certutil -A -d "sql:$store" -n test -t C,, -i /etc/ssl/certs/ca-certificates.crt
fi
page=$1
# From the host itself: to Chromium the gateway is the local network, which other pages may not reach.
case $1 in ws*) page=${1/#ws/http}files/socket.html ;; esac
/usr/lib/chromium/chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir=/tmp/chromium \
  --timeout=10000 --dump-dom "$page" >/tmp/page 2>/tmp/said
grep -E 'hello from|heard hello' /tmp/page || { tail -5 /tmp/said >&2; false; }
