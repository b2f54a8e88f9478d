import { execFileSync } from 'node:child_process';
import { docker, run } from './e2e.js';

/**
 * Sends hand-made IPv6 frames from a container that has NET_RAW, python3 and no IPv6: a neighbour solicitation for the
 * bridge's link-local address, and a TCP SYN to a port of it.
 *
 * @param mac of the bridge.
 * @returns what came back from it: some of `neighbour`, `syn-ack`, `reset`.
 */
export async function sendIpv6Frames(container: string, mac: string, port: number): Promise<string[]> {
  const out = await docker('exec', container, 'python3', '-c', SCRIPT, mac, String(port));
  return JSON.parse(out);
}

/** Whether the job image has what it takes. */
export async function canSendFrames(image: string): Promise<boolean> {
  const ran = await run('docker', [
    'run',
    '--rm',
    '--network',
    'none',
    image,
    'python3',
    '-c',
    'import socket',
  ]);
  return ran.code === 0;
}

const SCRIPT = `
import json, socket, struct, sys, time
mac = bytes.fromhex(sys.argv[1].replace(':', ''))
port = int(sys.argv[2])
own = bytes.fromhex(open('/sys/class/net/eth0/address').read().strip().replace(':', ''))
def link_local(m):
    return bytes([0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]])
src, dst = link_local(own), link_local(mac)
def checksum(next_header, payload):
    data = src + dst + struct.pack('!IxxxB', len(payload), next_header) + payload
    data += b'\\0' * (len(data) % 2)
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def frame(next_header, hops, payload, at):
    payload = payload[:at] + struct.pack('!H', checksum(next_header, payload)) + payload[at + 2:]
    return mac + own + b'\\x86\\xdd' + struct.pack('!IHBB', 6 << 28, len(payload), next_header, hops) + src + dst + payload
solicit = frame(58, 255, struct.pack('!BBHI', 135, 0, 0, 0) + dst + b'\\1\\1' + own, 2)
syn = frame(6, 64, struct.pack('!HHIIBBHHH', 40000, port, 1, 0, 5 << 4, 2, 1024, 0, 0), 16)
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86dd))
wire.bind(('eth0', 0))
wire.settimeout(0.2)
seen = set()
end = time.time() + 2
step = 0
while time.time() < end and 'syn-ack' not in seen:
    if step % 4 == 0: wire.send(solicit)
    if step % 4 == 1: wire.send(syn)
    step += 1
    try: got = wire.recv(2048)
    except socket.timeout: continue
    if got[6:12] != mac: continue
    if got[20] == 58 and got[54] == 136: seen.add('neighbour')
    if got[20] == 6 and got[67] & 0x12 == 0x12: seen.add('syn-ack')
    if got[20] == 6 and got[67] & 0x04: seen.add('reset')
print(json.dumps(sorted(seen)))
`;

/** The address of an interface of this network namespace. Not from /sys, which may be that of another one. */
export function macOf(name: string): string {
  const shown = execFileSync('ip', ['-o', 'link', 'show', 'dev', name], { encoding: 'utf8' });
  return /link\/ether (\S+)/.exec(shown)?.[1] ?? '';
}
