# s_client.sh URL: what an https:// host says to a request over openssl's client.
host=${1#https://}
host=${host%/}
printf 'GET / HTTP/1.0\r\nHost: %s\r\n\r\n' "$host" |
  openssl s_client -quiet -verify_return_error -servername "$host" -connect "$host:443" 2>/tmp/said ||
  { cat /tmp/said >&2; false; }
