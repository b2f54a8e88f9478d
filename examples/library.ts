// node library.js DOMAIN IMAGE CMD…: runs a container that reaches DOMAIN through its own proxy, and nothing else.
import {
  clientEnv,
  DEFAULT_OPERATOR_POLICY,
  isolatedOptions,
  openEngine,
  openOwner,
  type ProxyEvent,
  placedGateways,
  sweep,
} from 'jobgate';

const [domain = '', Image = '', ...Cmd] = process.argv.slice(2);
const engine = await openEngine(); // as the docker CLI finds it
await using owner = await openOwner('run'); // tells others that what this process made has a live owner
await sweep(engine.docker); // left-overs of dead ones
const open = placedGateways({ placement: 'auto' });

await using gateway = await open({
  engine,
  owner,
  policy: {
    job: { job: 'job-1', allow: [domain], rate: 10_000_000 }, // bit/s in each direction
    operator: DEFAULT_OPERATOR_POLICY,
  },
  // Every decision, every connection that ended.
  onEvent: (event: ProxyEvent) => console.log(JSON.stringify(event)),
});

const { network, names, proxy } = gateway;
const Env = Object.entries(clientEnv(proxy.url).env).map(([key, value]) => `${key}=${value}`);
const options = { Image, Cmd, Env, ...isolatedOptions(network.name, names) };
const container = await engine.docker.createContainer(options);
try {
  await container.start();
  const { NetworkSettings } = await container.inspect();
  // From now on the proxy serves this container only.
  gateway.setContainer(NetworkSettings.Networks[network.name]?.IPAddress || undefined);
  process.exitCode = (await container.wait()).StatusCode;
} finally {
  await container.remove({ force: true });
}
