import { capabilities } from '../util/own-process.js';

/** User and group of workers, on the host as in the image; no account needs to have it. */
export const WORKER_UID = 10213;

/**
 * Leaves root behind for good, with its groups; its capabilities go with it. Nothing happens where the process is
 * another user already.
 *
 * @throws where the system does not let it, or where capabilities are left.
 */
export function becomeNobody(): void {
  if (process.getuid?.() === 0) leaveRoot();
  const left = capabilities('permitted');
  if (left !== 0n) {
    const bits = left.toString(16).padStart(16, '0');
    throw new Error(`a worker would keep capabilities (${bits}): install setpriv, of the package util-linux`);
  }
}

function leaveRoot(): void {
  try {
    process.setgroups?.([]);
    process.setgid?.(WORKER_UID);
    process.setuid?.(WORKER_UID);
  } catch (error) {
    throw new Error(
      `a worker cannot become user ${WORKER_UID} (${(error as Error).message}): jobgate as root needs CAP_SETUID, CAP_SETGID and CAP_KILL for that`,
      { cause: error },
    );
  }
}
