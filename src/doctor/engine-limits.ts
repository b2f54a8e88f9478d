import type { Engine } from '../../docker/engine/engine.js';
import { type Finding, warn } from './finding.js';

/** What an engine tells of itself, as far as it is asked here. */
interface Info {
  readonly SecurityOptions?: readonly string[];
  readonly CgroupVersion?: string;
  readonly CgroupDriver?: string;
  readonly MemoryLimit?: boolean;
  readonly CpuCfsQuota?: boolean;
  readonly PidsLimit?: boolean;
}

/** Whether the engine is an ordinary user's, and which limits of a container it takes no notice of: none of the network. */
export async function engineLimits({ docker }: Engine): Promise<{ rootless: boolean; limits: Finding[] }> {
  const info = (await docker.info().catch(() => ({}))) as Info;
  const rootless = info.SecurityOptions?.some((option) => /^name=rootless/.test(option)) ?? false;
  // Without cgroups of its own it tells what the kernel has.
  const isWithout = rootless && (info.CgroupVersion === '1' || info.CgroupDriver === 'none');
  const missing = [
    ...(isWithout || info.MemoryLimit === false ? ['memory'] : []),
    ...(isWithout || info.CpuCfsQuota === false ? ['CPU'] : []),
    ...(isWithout || info.PidsLimit === false ? ['processes'] : []),
  ];
  if (missing.length === 0) return { rootless, limits: [] };
  const finding = warn(
    'engine limits',
    `it limits no ${missing.join(', ')} of a container: jobs, and gateways in containers, take what there is`,
    rootless
      ? 'cgroup v2, its controllers delegated to the user: Delegate=cpu memory pids in user@.service'
      : 'mount the cgroup controllers where the engine runs',
  );
  return { rootless, limits: [finding] };
}
