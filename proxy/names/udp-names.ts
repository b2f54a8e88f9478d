import dgram from 'node:dgram';
import type { Names } from './names.js';
import { MAX_QUESTION } from './question.js';

/** After a question too many none is read for so long, ms: a flood fills the kernel's buffer, and is dropped there. */
const PAUSE_MS = 50;
/** Answers that the kernel has not taken yet. */
const MAX_SENDING = 256;
/** Of questions that wait, bytes: some hundred. */
const BUFFER = 131_072;

/** The name server of a job, by UDP. */
export class UdpNames {
  readonly #names: Names;
  readonly #mayAsk: (address: string) => boolean;
  #socket: dgram.Socket | undefined;
  #pause: NodeJS.Timeout | undefined;
  #sending = 0;
  #closed = false;

  /** @param mayAsk whether an address is one of a client: others get no answer */
  constructor(names: Names, mayAsk: (address: string) => boolean) {
    this.#names = names;
    this.#mayAsk = mayAsk;
  }

  /** Begins to answer, and gives at which port. Rejects with what the system says. */
  async listen(address: string, port: number): Promise<number> {
    const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: BUFFER });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address, port, exclusive: true }, () => {
        socket.off('error', reject);
        resolve();
      });
    }).catch((error) => {
      socket.close();
      throw error;
    });
    if (this.#closed) {
      socket.close();
      throw new Error('the proxy is closed');
    }
    // What the network says of an answer that was sent.
    socket.on('error', () => {});
    socket.on('message', (message, from) => this.#take(message, from));
    this.#socket = socket;
    return socket.address().port;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pause);
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket) await new Promise<void>((resolve) => socket.close(() => resolve()));
  }

  #take(message: Buffer, { address, port }: dgram.RemoteInfo): void {
    if (this.#pause !== undefined || port === 0 || message.length > MAX_QUESTION) return;
    if (this.#sending >= MAX_SENDING || !this.#mayAsk(address)) return;
    const answer = this.#names.answer(message, { client: address, id: 0 });
    if (answer === 'late') this.#rest();
    else if (answer !== undefined) {
      this.#sending++;
      this.#socket?.send(answer, port, address, () => this.#sending--);
    }
  }

  #rest(): void {
    const handle = handleOf(this.#socket);
    handle?.recvStop();
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (this.#socket) handle?.recvStart();
    }, PAUSE_MS);
  }
}

interface Handle {
  recvStart(): void;
  recvStop(): void;
}

/** Node has no public way to read nothing for a while; where the private one is not there, what comes is read and dropped. */
export function handleOf(socket: dgram.Socket | undefined): Handle | undefined {
  if (!socket) return undefined;
  const state = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  );
  const { handle } =
    (state && (socket as unknown as Record<symbol, { handle?: Partial<Handle> }>)[state]) ?? {};
  return typeof handle?.recvStop === 'function' && typeof handle.recvStart === 'function'
    ? (handle as Handle)
    : undefined;
}
