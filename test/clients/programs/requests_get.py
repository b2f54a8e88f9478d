import requests, sys
answer = requests.get(sys.argv[1], timeout=20)
print(answer.text)
answer.raise_for_status()
