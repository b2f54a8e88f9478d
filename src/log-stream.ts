import { Writable } from 'node:stream';

/** What is kept for a reader that does not read, bytes. */
const MAX_WAITING = 1024 * 1024;

/**
 * stderr for logs. A reader that does not read costs neither time (a synchronous write would stop the whole process,
 * jobs' time limits and proxies with it) nor memory: lines that find no room are left out, and counted.
 */
export function logStream(stderr: NodeJS.WriteStream = process.stderr): Writable {
  let lost = 0;
  return new Writable({
    decodeStrings: false,
    write(line: string | Buffer, _encoding, done) {
      if (stderr.writableLength > MAX_WAITING) lost++;
      else {
        if (lost > 0) stderr.write(`jobgate: ${lost} log lines found no reader\n`);
        lost = 0;
        stderr.write(line);
      }
      done();
    },
  });
}
