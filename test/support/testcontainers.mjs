// node testcontainers.mjs FOLDER IMAGE NAME: what testcontainers does with an engine, with DOCKER_HOST only. Prints JSON.
// FOLDER has the package; its reaper, which mounts the engine's socket, is turned off by whoever calls this.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder = '', image = '', name = ''] = process.argv.slice(2);
const { GenericContainer, Network, Wait } = createRequire(join(folder, 'package.json'))('testcontainers');

const network = await new Network().start();
const container = await new GenericContainer(image)
  .withName(name)
  .withNetwork(network)
  .withNetworkAliases('first')
  .withEnvironment({ A: 'b' })
  .withCopyContentToContainer([{ content: 'copied before', target: '/tmp/before' }])
  .withCommand(['bash', '-c', 'echo ready; sleep 600'])
  .withWaitStrategy(Wait.forLogMessage('ready'))
  .start();
const second = await new GenericContainer(image).withNetwork(network).withCommand(['sleep', '600']).start();
await container.copyContentToContainer([{ content: 'copied after', target: '/tmp/after' }]);
const run = async (one, ...command) => (await one.exec(command)).output.trim();
const result = {
  variable: await run(container, 'bash', '-c', 'echo $A'),
  before: await run(container, 'cat', '/tmp/before'),
  after: await run(container, 'cat', '/tmp/after'),
  exit: (await container.exec(['bash', '-c', 'exit 5'])).exitCode,
  found: await run(second, 'getent', 'hosts', 'first'),
};
await second.stop();
await container.restart();
await container.stop();
await network.stop();
console.log(JSON.stringify(result));
