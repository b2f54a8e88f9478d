import { execFile } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';

interface ProbeStdio {
  /** For the child. */
  readonly stdin: number;
  /** For the child. */
  readonly stderr: number;
  /** What the child writes to its stderr. */
  readonly reader: Readable;
  /** Closes the child's ends on this side, once it has been started. */
  closeOurs(): void;
}

/**
 * A file on stdin and a pipe on stderr. Node's own "pipes" are sockets: bash takes a socket on stdin for a remote shell
 * and runs ~/.bashrc, and `/dev/stdin` and `/dev/stderr`, which scripts open, cannot be opened where they are sockets.
 */
export async function openProbeStdio(input: string): Promise<ProbeStdio> {
  const directory = mkdtempSync(join(tmpdir(), 'jobgate-probe-'));
  const open: number[] = [];
  const file = (path: string, flags: number) => {
    const descriptor = openSync(path, flags, 0o600);
    open.push(descriptor);
    return descriptor;
  };
  try {
    const [inputPath, pipePath] = [join(directory, 'in'), join(directory, 'err')];
    const stdin = file(inputPath, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL);
    // At a position: the descriptor's own stays at the beginning, where the child reads.
    const bytes = Buffer.from(input);
    for (let done = 0; done < bytes.length; )
      done += writeSync(stdin, bytes, done, bytes.length - done, done);
    await promisify(execFile)('mkfifo', ['-m', '600', pipePath]);
    // This end first: nothing then waits for the other one to be opened.
    const reading = file(pipePath, constants.O_RDONLY | constants.O_NONBLOCK);
    const stderr = file(pipePath, constants.O_WRONLY);
    const reader = new Socket({ fd: reading, readable: true, writable: false });
    return {
      stdin,
      stderr,
      reader,
      closeOurs() {
        closeSync(stdin);
        closeSync(stderr);
      },
    };
  } catch (error) {
    for (const descriptor of open) closeSync(descriptor);
    throw error;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
