import { describe, expect, it } from 'vitest';
import { EndedGateways } from '../../../src/service/ended-gateways.js';
import { History } from '../../../src/service/overview/history.js';
import type { GatewayView } from '../../../src/service/served-gateway.js';

const view = (id: string, hosts: object[] = []) => ({ id, figures: { hosts } }) as unknown as GatewayView;

const history = new History(0, { up: 0, down: 0, allowed: 0, denied: 0 });

describe('gateways that were closed', () => {
  it('are forgotten after a time', () => {
    let now = 0;
    const ended = new EndedGateways(1_000, () => now);
    ended.add(view('a'), history);
    now = 999;
    ended.add(view('b'), history);
    expect(ended.list().map(({ id }) => id)).toEqual(['a', 'b']);
    now = 1_000;
    expect(ended.list().map(({ id }) => id)).toEqual(['b']);
    expect(ended.find('a')).toBeUndefined();
    expect(ended.find('b')?.history).toBe(history);
  });

  it('are two hundred at most, with the fifty hosts that say most', () => {
    const ended = new EndedGateways(1_000, () => 0);
    const hosts = Array.from({ length: 500 }, (_, i) => ({ host: `h${i}`, allowed: i, denied: {} }));
    const refused = { host: 'refused', allowed: 0, denied: { 'domain-not-allowed': 3 } };
    for (let i = 0; i < 300; i++) ended.add(view(`g${i}`, [...hosts, refused]), history);
    const all = ended.list();
    expect(all.map(({ id }) => id)).toEqual(Array.from({ length: 200 }, (_, i) => `g${i + 100}`));
    const kept = all[0]?.figures.hosts.map(({ host }) => host);
    expect(kept?.slice(0, 3)).toEqual(['refused', 'h499', 'h498']);
    expect(kept).toHaveLength(50);
  });
});
