import { Writable } from 'node:stream';

/** What is kept for a reader that does not read, bytes. */
const MAX_WAITING = 1024 * 1024;
/** Lines of one turn of the event loop at most. */
const MAX_LINES = 1_000;

/**
 * stderr for logs: the lines of a turn of the event loop in one write, because each write costs as much as a line. A
 * reader that does not read costs neither time (a synchronous write would stop the whole process, jobs' time limits
 * and proxies with it) nor memory: lines that find no room are left out, and counted.
 */
export function logStream(
  stderr: NodeJS.WriteStream = process.stderr,
  told = (lines: number) => `jobgate: ${lines} log lines found no reader\n`,
): Writable {
  let lines: (string | Buffer)[] = [];
  let lost = 0;
  let scheduled = false;
  const flush = () => {
    scheduled = false;
    if (lines.length === 0) return;
    if (stderr.writableLength > MAX_WAITING) lost += lines.length;
    else {
      const note = lost > 0 ? told(lost) : '';
      lost = 0;
      stderr.write(note + lines.join(''));
    }
    lines = [];
  };
  process.on('exit', flush);
  return new Writable({
    decodeStrings: false,
    write(line: string | Buffer, _encoding, done) {
      lines.push(line);
      if (lines.length >= MAX_LINES) flush();
      else if (!scheduled) {
        scheduled = true;
        setImmediate(flush);
      }
      done();
    },
  });
}
