import { docker } from './e2e.js';

/**
 * From a container that has NET_RAW and python3: asks by hand-made ARP who has an address, and sends hand-made UDP
 * datagrams to it, in frames to a MAC address.
 *
 * @param mac of the bridge.
 * @returns whether the ARP was answered from there. Whether the datagram arrived is its receiver's to say.
 */
export async function sendIpv4Frames(
  container: string,
  mac: string,
  address: string,
  port: number,
  payload: string,
): Promise<boolean> {
  const args = [mac, address, String(port), payload];
  return JSON.parse(await docker('exec', container, 'python3', '-c', SCRIPT, ...args));
}

const SCRIPT = `
import json, socket, struct, sys, time, fcntl
mac = bytes.fromhex(sys.argv[1].replace(':', ''))
dst = socket.inet_aton(sys.argv[2])
port = int(sys.argv[3])
payload = sys.argv[4].encode()
own = bytes.fromhex(open('/sys/class/net/eth0/address').read().strip().replace(':', ''))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
src = fcntl.ioctl(s.fileno(), 0x8915, struct.pack('256s', b'eth0'))[20:24]
def checksum(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
udp = struct.pack('!HHHH', 40000, port, 8 + len(payload), 0) + payload
head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, src, dst)
head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
arp = struct.pack('!HHBBH6s4s6s4s', 1, 0x0800, 6, 4, 1, own, src, b'\\0' * 6, dst)
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
wire.bind(('eth0', 0))
wire.settimeout(0.1)
answered = False
end = time.time() + 1
while time.time() < end:
    wire.send(b'\\xff' * 6 + own + b'\\x08\\x06' + arp)
    wire.send(mac + own + b'\\x08\\x00' + head + udp)
    try: got = wire.recv(2048)
    except socket.timeout: continue
    if got[20:22] == b'\\0\\2' and got[28:32] == dst: answered = True
print(json.dumps(answered))
`;
