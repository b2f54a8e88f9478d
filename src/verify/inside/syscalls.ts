import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * System calls for Node, which has no ICMP and no raw sockets: a static program of some hundred bytes that needs nothing of
 * its image reads a frame (number, six arguments, data), makes the call, and writes the frame back with the result. All that
 * is done with it is written here. Source, for x86-64; the one for arm64 does the same:
 *
 *     again: r13 = 0
 *     more:  read(0, BUFFER + r13, FRAME - r13), ends the program at 0; r13 += what it gave; below FRAME: more
 *            rax, rdi, rsi, rdx, r10, r8, r9 = the first seven words of BUFFER; syscall; first word = rax
 *            write(1, BUFFER, FRAME); again
 */
const CODE: Readonly<Record<string, { machine: number; hex: string; calls: Record<Call, number> }>> = {
  x64: {
    machine: 62,
    hex:
      '41bc000050004531ed31ff4b8d342cba000800004429ea31c00f0585c07e4a4101c54181fd000800007cde498b0424498b7c2408498b7424' +
      '10498b5424184d8b5424204d8b4424284d8b4c24300f0549890424bf010000004c89e6ba00080000b8010000000f05eb9db83c00000031ff0f05',
    calls: { socket: 41, sendto: 44, recvfrom: 45, setsockopt: 54, ioctl: 16 },
  },
  arm64: {
    machine: 183,
    hex:
      '130aa0d2140080d2000080d26102148b020081d2420014cbe80780d2010000d41f0000f10d0200549402008b9f0220f1cbfeff54680240f9' +
      '608640a9628e41a9649642a9010000d4600200f9200080d2e10313aa020081d2080880d2010000d4e9ffff17a80b80d2000080d2010000d4',
    calls: { socket: 198, sendto: 206, recvfrom: 207, setsockopt: 208, ioctl: 29 },
  },
};

type Call = 'socket' | 'sendto' | 'recvfrom' | 'setsockopt' | 'ioctl';

const BASE = 0x400000;
const BUFFER = 0x500000;
const FRAME = 2048;
/** Number and arguments, eight bytes each. */
const WORDS = 7 * 8;

/** An argument that is the address of what is `at` so many bytes in the data of the call. */
export const pointer = (at: number) => BUFFER + WORDS + at;

/** What calls say when they fail, by number (Linux, asm-generic/errno). */
const ERRORS: Readonly<Record<number, string>> = {
  1: 'EPERM',
  11: 'EAGAIN',
  13: 'EACCES',
  22: 'EINVAL',
  93: 'EPROTONOSUPPORT',
  97: 'EAFNOSUPPORT',
  99: 'EADDRNOTAVAIL',
  101: 'ENETUNREACH',
  111: 'ECONNREFUSED',
  113: 'EHOSTUNREACH',
};

export class CallError extends Error {
  override readonly name = 'CallError';
  readonly code: string;
  constructor(call: Call, errno: number) {
    const code = ERRORS[errno] ?? `errno ${errno}`;
    super(`${call}: ${code}`);
    this.code = code;
  }
}

/** A process that makes calls, one at a time; its sockets are gone with it. */
export class Syscalls implements Disposable {
  readonly #child: ChildProcess;
  readonly #calls: Record<Call, number>;
  #waiting: ((frame: Buffer | Error) => void) | undefined;
  #got = Buffer.alloc(0);

  private constructor(file: string, calls: Record<Call, number>) {
    this.#calls = calls;
    this.#child = spawn(file, [], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child.stdin?.on('error', () => {});
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#got = Buffer.concat([this.#got, chunk]);
      if (this.#got.length < FRAME) return;
      const frame = this.#got.subarray(0, FRAME);
      this.#got = this.#got.subarray(FRAME);
      this.#settle(frame);
    });
    this.#child.once('error', (error) => this.#settle(error));
    this.#child.once('exit', () => this.#settle(new Error('the program for system calls ended')));
  }

  /** @throws where this machine's kind is not known, or no folder takes a program. */
  static start(): Syscalls {
    const { file, calls } = program();
    return new Syscalls(file, calls);
  }

  /** @returns what the call returned, and the data as it left it. @throws CallError */
  async call(name: Call, args: readonly number[], data: Buffer = Buffer.alloc(0)) {
    const frame = Buffer.alloc(FRAME);
    frame.writeBigInt64LE(BigInt(this.#calls[name]));
    for (const [i, arg] of args.entries()) frame.writeBigInt64LE(BigInt(arg), 8 * (i + 1));
    data.copy(frame, WORDS);
    const answer = await new Promise<Buffer | Error>((resolve) => {
      this.#waiting = resolve;
      this.#child.stdin?.write(frame);
    });
    if (answer instanceof Error) throw answer;
    const result = Number(answer.readBigInt64LE());
    if (result < 0) throw new CallError(name, -result);
    return { result, data: answer.subarray(WORDS) };
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }

  #settle(answer: Buffer | Error): void {
    this.#waiting?.(answer);
    this.#waiting = undefined;
  }
}

let made: { file: string; calls: Record<Call, number> } | undefined;

function program() {
  if (made) return made;
  const code = CODE[process.arch];
  if (!code || process.platform !== 'linux')
    throw new Error(`no program for system calls on ${process.arch}`);
  const folder = mkdtempSync(join(tmpdir(), 'jobgate-verify-'));
  try {
    const file = join(folder, 'syscalls');
    writeFileSync(file, elf(code.machine, Buffer.from(code.hex, 'hex')), { mode: 0o700 });
    // However this process ends, nothing of it stays in the job's files.
    made = { file: `/proc/${process.pid}/fd/${openSync(file, 'r')}`, calls: code.calls };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return made;
}

/** The least that Linux takes for a program: one header, one segment with the code and, behind it, the buffer. */
function elf(machine: number, code: Buffer): Buffer {
  const head = Buffer.alloc(64 + 56);
  head.write('\x7fELF\x02\x01\x01', 'latin1');
  head.writeUInt16LE(2, 16); // ET_EXEC
  head.writeUInt16LE(machine, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(BASE + head.length), 24); // entry
  head.writeBigUInt64LE(64n, 32); // program headers
  head.writeUInt16LE(64, 52);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  head.writeUInt32LE(1, 64); // PT_LOAD
  head.writeUInt32LE(7, 68); // read, write, execute
  head.writeBigUInt64LE(BigInt(BASE), 80);
  head.writeBigUInt64LE(BigInt(BASE), 88);
  head.writeBigUInt64LE(BigInt(head.length + code.length), 96);
  head.writeBigUInt64LE(BigInt(BUFFER - BASE + FRAME), 104);
  head.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([head, code]);
}
