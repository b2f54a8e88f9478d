import aiohttp, asyncio, sys

async def main(url, trust_env):
    async with aiohttp.ClientSession(trust_env=trust_env) as session:
        if url.startswith('ws'):
            async with session.ws_connect(url) as socket:
                await socket.send_str('hello')
                print((await socket.receive()).data)
        else:
            async with session.get(url) as answer:
                print(await answer.text())
                answer.raise_for_status()

asyncio.run(main(sys.argv[1], 'trust_env' in sys.argv))
