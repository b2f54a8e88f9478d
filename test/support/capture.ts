import { type ChildProcess, spawn } from 'node:child_process';

/** A question for a name that was seen on the wire, by UDP or TCP. */
export interface SeenQuestion {
  readonly interface: string;
  readonly to: string;
  /** In lower case; of a long one the beginning. */
  readonly name: string;
}

/** Sees all questions on all interfaces of this network namespace, whoever asks whom. */
export interface Capture extends AsyncDisposable {
  readonly seen: readonly SeenQuestion[];
}

/** Needs root and python3. */
export async function startCapture(): Promise<Capture> {
  const child = spawn('python3', ['-u', '-c', SCRIPT], { stdio: ['ignore', 'pipe', 'inherit'] });
  const seen: SeenQuestion[] = [];
  let rest = '';
  let started = () => {};
  const ready = new Promise<void>((resolve, reject) => {
    started = resolve;
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the capture ended with ${code}`)));
  });
  child.stdout?.on('data', (data) => {
    const lines = `${rest}${data}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === 'ready') started();
      else seen.push(JSON.parse(line));
    }
  });
  await ready;
  return { seen, [Symbol.asyncDispose]: () => ended(child) };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.removeAllListeners('exit');
    child.once('exit', () => resolve());
    child.kill();
  });
}

// IPv4 and IPv6, UDP and the first segment of TCP that has a question; each frame on each interface that it passes.
const SCRIPT = `
import json, re, socket
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
print('ready')
def name_of(message):
    if len(message) < 17 or message[2] & 0x80 or message[4:6] != b'\\0\\1': return None
    labels, at = [], 12
    while at < len(message) and message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode('latin1'))
        at += 1 + message[at]
    name = '.'.join(labels).lower()
    if message[at + 3:at + 5] != b'\\0\\1' or not re.fullmatch('[a-z0-9._-]+', name): return None
    return name[:100]
while True:
    frame, source = wire.recvfrom(65535)
    kind = source[1]
    packet = frame[14:]
    if source[0] == 'any' or not packet: continue
    if kind == 0x0800 and packet[0] >> 4 == 4:
        head, protocol, to = (packet[0] & 15) * 4, packet[9], socket.inet_ntop(socket.AF_INET, packet[16:20])
    elif kind == 0x86dd:
        head, protocol, to = 40, packet[6], socket.inet_ntop(socket.AF_INET6, packet[24:40])
    else: continue
    body = packet[head:]
    if protocol == 17: payloads = [body[8:]]
    elif protocol == 6 and len(body) > 13: payloads = [body[(body[12] >> 4) * 4:][2:]]
    else: continue
    for payload in payloads:
        name = name_of(payload)
        if name: print(json.dumps({'interface': source[0], 'to': to, 'name': name}))
`;
