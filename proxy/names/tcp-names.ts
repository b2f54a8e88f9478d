import type { ConnectionService } from '../accept/acceptor.js';
import type { ClientConnection } from '../accept/client-connection.js';
import { ByteBag } from '../util/byte-bag.js';
import type { Names } from './names.js';
import { MAX_QUESTION } from './question.js';

/** RFC 1035 section 4.2.2: each message has its length before it. */
const PREFIX = 2;

/** The name server of a job, by TCP: any number of questions on a connection, answered in their order. */
export class TcpNames implements ConnectionService {
  readonly #names: Names;

  constructor(names: Names) {
    this.#names = names;
  }

  serve(connection: ClientConnection): void {
    const { stream } = connection;
    let bag = new ByteBag();
    connection.awaitHead();
    stream.on('data', (chunk: Buffer) => {
      connection.spoke = true;
      bag.append(chunk);
      const { bytes } = bag;
      let at = 0;
      for (;;) {
        const length = at + PREFIX <= bytes.length ? bytes.readUInt16BE(at) : 0;
        if (length > MAX_QUESTION) {
          stream.destroy();
          return;
        }
        if (at + PREFIX + length > bytes.length || at + PREFIX > bytes.length) break;
        if (!this.#answer(connection, bytes.subarray(at + PREFIX, at + PREFIX + length))) return;
        at += PREFIX + length;
      }
      if (at === 0) return;
      bag = new ByteBag();
      bag.append(bytes.subarray(at));
      connection.awaitHead();
      if (!stream.writableNeedDrain) return;
      // Who does not read is not read from.
      stream.pause();
      stream.once('drain', () => stream.resume());
    });
    stream.once('end', () => stream.end());
  }

  headerTimeout({ stream }: ClientConnection): void {
    stream.destroy();
  }

  refusal(): Buffer {
    return Buffer.alloc(0);
  }

  #answer({ client, id, stream }: ClientConnection, message: Buffer): boolean {
    const answer = this.#names.answer(message, { client, id });
    if (answer === undefined || answer === 'late') {
      stream.destroy();
      return false;
    }
    const length = Buffer.alloc(PREFIX);
    length.writeUInt16BE(answer.length, 0);
    stream.write(Buffer.concat([length, answer]));
    return true;
  }
}
