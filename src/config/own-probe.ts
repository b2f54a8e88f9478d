import { resolve } from 'node:path';
import { isLoopback, parseSocketAddress } from '../socket-address.js';

/*
 * A node and jobgate read the same file, and in it the node's probe may be jobgate. What decides by that file need not
 * ask itself, and must not without end.
 */

/** Whether a ProbeExec is `jobgate check` with these configuration files and no more. */
export function isOwnCommand(command: string, files: readonly string[]): boolean {
  const words = command.trim().split(/\s+/);
  const [program = '', subcommand, ...options] = words;
  if (!/(^|\/)jobgate$/.test(program) || subcommand !== 'check' || files.length === 0) return false;
  const named: string[] = [];
  for (let at = 0; at < options.length; at++) {
    const option = options[at] ?? '';
    const value = option.startsWith('--config=') ? option.slice('--config='.length) : options[++at];
    const isConfig = option === '-c' || option === '--config' || option.startsWith('--config=');
    // Quotes, variables and pipes are bash's to read.
    if (!isConfig || value === undefined || !/^[\w./+@%,-]+$/.test(value)) return false;
    named.push(resolve(value));
  }
  return JSON.stringify(named) === JSON.stringify(files.map((file) => resolve(file)));
}

/** Whether a ProbeHTTP is the serve that listens there. */
export function isOwnUrl(text: string, listen: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const address = parseSocketAddress(listen);
  if (!url || !address || url.protocol !== 'http:' || url.pathname !== '/v1/admission') return false;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const isHere = host === address.host || (host === 'localhost' && isLoopback(address.host));
  return isHere && Number(url.port || 80) === address.port;
}
