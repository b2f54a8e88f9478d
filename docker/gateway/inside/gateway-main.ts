#!/usr/bin/env node
/**
 * What runs inside a gateway's container: one egress proxy, told by stdin and telling on stdout (gateway-link.ts). Not a
 * command for people.
 *
 *   node gateway-main.js              the gateway
 *   node gateway-main.js addresses    prints the machine addresses of the host, for a container with the host's network
 */
import { readFileSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { machineAddresses } from '../../../proxy/decide/machine-addresses.js';
import { createEgressProxy } from '../../../proxy/egress-proxy.js';
import {
  LINK_VERSION,
  type LinkCommand,
  type LinkStart,
  type LogLevel,
  lineSplitter,
  SILENCE_MS,
} from '../gateway-link.js';
import { FigureReports } from './figure-reports.js';
import { Outbox } from './outbox.js';

if (process.argv[2] === 'addresses') {
  process.stdout.write(`${JSON.stringify(machineAddresses())}\n`);
} else {
  main();
}

function main(): void {
  // Not process.stdout, which is synchronous on a pipe: a parent that doesn't read would stall the proxy.
  const outbox = new Outbox(new Socket({ fd: 1, readable: false }));
  const refuse = async (message: string) => {
    await Promise.race([outbox.insist({ is: 'refused', message }), sleep(1_000)]);
    process.exit(1);
  };
  process.on('uncaughtException', (error) => void refuse(`unexpected: ${error.stack ?? error}`));

  let gateway: InnerGateway | undefined;
  const end = async (drainMs?: number) => {
    await gateway?.end(drainMs);
    process.exit(0);
  };
  process.on('SIGTERM', () => void end());
  process.on('SIGINT', () => void end());

  let silence = setTimeout(() => {}, 0);
  const input = lineSplitter((line) => {
    clearTimeout(silence);
    silence = setTimeout(() => void end(), SILENCE_MS);
    const message: unknown = JSON.parse(line);
    if (gateway) {
      gateway.obey(message as LinkCommand, end);
      return;
    }
    gateway = new InnerGateway(message as LinkStart, outbox);
    gateway.start().catch((error: Error) => refuse(error.message));
  });
  input.on('error', (error) => void refuse(`not understood: ${error.message}`));
  process.stdin.pipe(input);
  process.stdin.on('end', () => void end());
  process.stdin.on('close', () => void end());
}

class InnerGateway {
  readonly #start: LinkStart;
  readonly #outbox: Outbox;
  #proxy: ReturnType<typeof createEgressProxy> | undefined;
  #figures: FigureReports | undefined;
  #ending: Promise<void> | undefined;

  constructor(start: LinkStart, outbox: Outbox) {
    this.#start = start;
    this.#outbox = outbox;
  }

  async start(): Promise<void> {
    const { v, policy, listen, clients, hostEnd } = this.#start;
    if (v !== LINK_VERSION) {
      throw new Error(`the image is of another version of jobgate (link ${LINK_VERSION}, not ${v})`);
    }
    assertNoForwarding();
    const exposed = answers(hostEnd);
    const tell = (level: LogLevel) => (fields: object, message: string) => {
      // Its events are told as events: the parent logs them.
      if (!('event' in fields)) this.#outbox.send({ is: 'log', level, fields, message });
    };
    const logger = { debug: tell('debug'), info: tell('info'), warn: tell('warn'), error: tell('error') };
    const proxy = createEgressProxy(policy, {
      logger,
      onEvent: (event) => {
        this.#outbox.send({ is: 'event', event });
        this.#figures?.changed();
      },
    });
    this.#proxy = proxy;
    this.#figures = new FigureReports(
      () => proxy.figures(),
      (figures) => this.#outbox.send({ is: 'figures', figures }),
    );
    const bound = await proxy.listen({ ...listen, clients });
    const assertUnexposed = (answer: boolean) => {
      if (answer)
        throw new Error(`the engine's host has an address on the isolated network: ${hostEnd} answers`);
    };
    // A host that is there answers in less than a millisecond; the absence of one takes seconds to show.
    assertUnexposed(await Promise.race([exposed, sleep(20).then(() => false)]));
    this.#outbox.send({ is: 'ready', ...bound });
    assertUnexposed(await exposed);
  }

  obey(command: LinkCommand, end: (drainMs?: number) => Promise<void>): void {
    if (command.do === 'clients') this.#proxy?.setClients(command.cidrs);
    else if (command.do === 'deny') this.#proxy?.setDenied(command.entries);
    else if (command.do === 'drain') void end(command.ms);
    else if (command.do === 'close') void end();
  }

  /** Ends at once, or after the connections that are open, but at most so many ms. */
  async end(drainMs?: number): Promise<void> {
    if (drainMs !== undefined && !this.#ending) await this.#proxy?.drain(drainMs);
    this.#ending ??= this.#end();
    await this.#ending;
  }

  async #end(): Promise<void> {
    await this.#proxy?.close();
    this.#figures?.last();
    // A parent that doesn't read must not keep the gateway.
    await Promise.race([this.#outbox.insist({ is: 'closed' }), sleep(1_000)]);
  }
}

/** Between the two networks there is the proxy and nothing else. */
function assertNoForwarding(): void {
  for (const file of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) {
    let value: string;
    try {
      value = readFileSync(`/proc/sys/net/${file}`, 'utf8').trim();
    } catch {
      continue; // a kernel without IPv6
    }
    if (value !== '0')
      throw new Error(`the container forwards packets: net.${file.replaceAll('/', '.')} is ${value}`);
  }
}

/** Whether a host is there at all: one that is refuses at once. */
function answers(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: 9, timeout: 2_000 });
    const settle = (answer: boolean) => {
      resolve(answer);
      socket.destroy();
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED'));
  });
}
