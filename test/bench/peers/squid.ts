import type { StartPeer } from './peer.js';
import { startProgram } from './program.js';

/** One process, nothing cached, every tunnel and request in the log. */
export const squid: StartPeer = ({ core }) =>
  startProgram(
    {
      name: 'squid',
      configuration: (port, directory) => `
http_port 127.0.0.1:${port}
acl local src 127.0.0.0/8
http_access allow local
http_access deny all
cache deny all
access_log stdio:${directory}/access.log
cache_log ${directory}/cache.log
pid_filename ${directory}/pid
coredump_dir ${directory}
netdb_filename none
shutdown_lifetime 0
`,
      args: (file) => ['-N', '-f', file],
    },
    core,
  );
