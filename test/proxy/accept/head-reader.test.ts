import { afterEach, expect, it } from 'vitest';
import { turns } from '../../../proxy/util/turns.js';
import { Cleanup } from '../../support/cleanup.js';
import { startEchoOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { RawClient, statusOf } from '../../support/raw-client.js';

let cleanup = new Cleanup();
afterEach(async () => {
  await cleanup[Symbol.asyncDispose]();
  cleanup = new Cleanup();
});

/** Jobs are never at their turn when something arrives. */
function alwaysBusy(): void {
  const { ofJob } = turns;
  turns.ofJob = () => {
    const turn = ofJob.call(turns);
    return {
      mayBegin: false,
      run: (work) => turn.run(work),
      wait: (work) => void setTimeout(() => turn.wait(work), 20),
      close: () => turn.close(),
    };
  };
  cleanup.add(() => {
    turns.ofJob = ofJob;
  });
}

it.each([null, 10_000_000])(
  'a client that ends before its turn has come is answered (rate %s)',
  async (rate) => {
    alwaysBusy();
    const origin = cleanup.use(await startEchoOrigin());
    const proxy = cleanup.use(await startProxy({ rate, allow: [`allowed.test:${origin.port}`] }));
    await using client = await RawClient.connect(proxy.port);
    client.socket.end(`GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.untilEnd();
    expect(client.text && statusOf(client.text)).toBe(200);
  },
);
