import type { Registry } from 'prom-client';
import osMemoryHeap from 'prom-client/lib/metrics/osMemoryHeap.js';
// Its default metrics are told all at once, and half of them are of Node's inside and cost time at each collection of
// garbage: these are of the process alone, as every program has them.
import processCpuTotal from 'prom-client/lib/metrics/processCpuTotal.js';
import processMaxFileDescriptors from 'prom-client/lib/metrics/processMaxFileDescriptors.js';
import processOpenFileDescriptors from 'prom-client/lib/metrics/processOpenFileDescriptors.js';
import processStartTime from 'prom-client/lib/metrics/processStartTime.js';

/** `process_*` of this process, by the names that Prometheus' client libraries share. */
export function addProcess(registry: Registry): void {
  for (const add of [
    processCpuTotal,
    osMemoryHeap,
    processOpenFileDescriptors,
    processMaxFileDescriptors,
    processStartTime,
  ])
    add(registry);
}
