import { expect, test } from 'vitest';
import { listenersOn, openListeners, registerListener } from '../../../proxy/decide/listeners.js';

test('what this process listens on is known by port, until it is closed', () => {
  const port = 65_000;
  const close = registerListener('192.0.2.1', port);
  const closeExact = registerListener('192.0.2.2', port, true);
  expect([...listenersOn(port)]).toEqual([
    { host: '192.0.2.1', port },
    { host: '192.0.2.2', port, exact: true },
  ]);
  expect([...listenersOn(port + 1)]).toEqual([]);
  expect(openListeners()).toContainEqual({ host: '192.0.2.1', port });
  close();
  expect([...listenersOn(port)]).toEqual([{ host: '192.0.2.2', port, exact: true }]);
  closeExact();
  expect(openListeners().filter((one) => one.port === port)).toEqual([]);
});
