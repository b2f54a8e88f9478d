import { z } from 'zod';
import { NetworkStore } from '../network-store.js';
import type { LivePolicy } from './live-policy.js';

const policy = z.strictObject({
  revision: z.int().min(1),
  allow: z.array(z.strictObject({ domain: z.string(), expires: z.int().exactOptional() })),
  deny: z.array(z.string()),
  rate: z.int().nullable(),
  budget: z
    .strictObject({
      up: z.int().exactOptional(),
      down: z.int().exactOptional(),
      hostUp: z.int().exactOptional(),
      hostDown: z.int().exactOptional(),
      slow: z.number().exactOptional(),
    })
    .nullable()
    .exactOptional(),
  expires: z.int().exactOptional(),
});

/** The policies that are others than the labels of their networks say. */
export class PolicyStore extends NetworkStore<LivePolicy> {
  constructor(stateDirectory: string) {
    super({ stateDirectory, folder: 'policies', field: 'policy', what: 'changed policy', schema: policy });
  }
}
