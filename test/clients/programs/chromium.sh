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
case $1 in ws*)
  # It is taken for loaded once the picture is there.
  page="data:text/html,<script>s=new WebSocket('$1');s.onopen=()=>s.send('hello');s.onmessage=(e)=>{document.title=e.data}</script>"
  page+="<body><img src='${1/#ws/http}delay/2000'>"
  ;;
esac
/usr/lib/chromium/chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir=/tmp/chromium \
  --timeout=10000 --dump-dom "$page" >/tmp/page 2>/tmp/said
grep -E 'hello from|heard hello' /tmp/page || { tail -5 /tmp/said >&2; false; }
