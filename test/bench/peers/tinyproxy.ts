import type { StartPeer } from './peer.js';
import { startProgram } from './program.js';

export const tinyproxy: StartPeer = ({ core }) =>
  startProgram(
    {
      name: 'tinyproxy',
      configuration: (port, directory) => `
Listen 127.0.0.1
Port ${port}
Timeout 60
MaxClients 1000
Allow 127.0.0.1
LogFile "${directory}/log"
LogLevel Connect
`,
      args: (file) => ['-d', '-c', file],
    },
    core,
  );
