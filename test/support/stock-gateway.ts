import { GATEWAY_IMAGE } from '../stock-node/stock-node.js';
import type { Cleanup } from './cleanup.js';
import { docker, JOB_IMAGE } from './e2e.js';
import { buildJobImage } from './engine.js';

/** An image in the place of the node's gateway that is healthy as soon as the engine looks, or does as it is told. */
export async function makeGatewayImage(
  cleanup: Cleanup,
  { health = 'true', command = 'exec sleep 600', from = JOB_IMAGE } = {},
): Promise<void> {
  const container = await docker('create', from);
  try {
    const change = [
      `HEALTHCHECK --interval=1s --start-period=5s CMD ${JSON.stringify(['bash', '-c', health])}`,
      `CMD ${JSON.stringify(['bash', '-c', command])}`,
    ].flatMap((line) => ['--change', line]);
    await docker('commit', ...change, container, GATEWAY_IMAGE);
    cleanup.add(() => docker('rmi', GATEWAY_IMAGE));
  } finally {
    await docker('rm', container);
  }
}

/** What nodes have on the engine: names of containers and networks, sorted. @param executionId of one execution */
export async function madeByNodes(executionId = ''): Promise<string[]> {
  const filter = ['--filter', 'label=bacalhau-executor', '--format'];
  const lists = await Promise.all([
    docker('ps', '-a', ...filter, '{{.Names}}'),
    docker('network', 'ls', ...filter, '{{.Name}}'),
  ]);
  const names = lists.flatMap((list) => list.split('\n'));
  return names.filter((name) => name !== '' && name.includes(executionId)).sort();
}

/** Removes what nodes that ended have left. */
export async function removeMadeByNodes(): Promise<void> {
  const names = await madeByNodes();
  const networks = names.filter((name) => name.endsWith('-network'));
  const containers = names.filter((name) => !networks.includes(name));
  if (containers.length > 0) await docker('rm', '-f', ...containers);
  if (networks.length > 0) await docker('network', 'rm', ...networks);
}

const SQUID = `
set -e
mkdir -p /etc/bacalhau /var/log/squid /var/spool/squid
echo "$BACALHAU_HTTP_CLIENTS" | tr -d '[]"' | tr , '\\n' >/etc/bacalhau/clients
echo "$BACALHAU_HTTP_DOMAINS" | tr -d '[]"' | tr , '\\n' >/etc/bacalhau/domains
cat >/etc/squid/gateway.conf <<FILE
acl domains dstdomain "/etc/bacalhau/domains"
acl clients src "/etc/bacalhau/clients"
acl both all-of domains clients
http_access allow both
http_access deny all
http_port 8080
request_header_access X-Bacalhau-Job-ID deny all
request_header_add X-Bacalhau-Job-ID "$BACALHAU_JOB_ID" all
cache_effective_user nobody
pinger_enable off
FILE
touch /var/log/squid/access.log
chown -R nobody /var/log/squid /var/spool/squid
squid -f /etc/squid/gateway.conf
exec tail -F /var/log/squid/access.log
`;

/**
 * The same with a squid that lets through what the node says, and is asked each second whether it answers. Its rate is
 * not limited. Throws where this machine has no squid.
 */
export async function makeSquidGatewayImage(cleanup: Cleanup): Promise<void> {
  const from = buildJobImage(['squid'], 'jobgate-squid:local');
  cleanup.add(() => docker('rmi', from));
  const asked = "curl -m 1 -s -o /dev/null -w '%{http_code}' localhost:8080";
  await makeGatewayImage(cleanup, { from, command: SQUID, health: `test "$(${asked})" = 400` });
}
