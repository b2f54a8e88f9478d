import { createInterface } from 'node:readline';

/** The data of each server-sent event of a stream that serve writes: one line each. */
export async function* eventStream(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  const prefix = 'data: ';
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.startsWith(prefix)) yield line.slice(prefix.length);
  }
}
