import { z } from 'zod';
import type { Spent } from '../../proxy/budget/ledger.js';
import { NetworkStore } from './network-store.js';

const bytes = z.int().min(0);
const spent = z.strictObject({
  up: bytes,
  down: bytes,
  hosts: z.array(z.strictObject({ host: z.string(), up: bytes, down: bytes })),
});

/** What the jobs of gateways have taken of their budgets. */
export class SpentStore extends NetworkStore<Spent> {
  constructor(stateDirectory: string) {
    super({ stateDirectory, folder: 'budgets', field: 'spent', what: 'spent budget', schema: spent });
  }
}
