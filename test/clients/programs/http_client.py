import http.client, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
kind = http.client.HTTPSConnection if url.scheme == 'https' else http.client.HTTPConnection
connection = kind(url.netloc, timeout=20)
connection.request('GET', url.path)
print(connection.getresponse().read().decode())
