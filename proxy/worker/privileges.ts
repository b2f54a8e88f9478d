import { readFileSync } from 'node:fs';

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
  const left = capabilities();
  if (/[1-9a-f]/.test(left)) {
    throw new Error(`a worker would keep capabilities (${left}): install setpriv, of the package util-linux`);
  }
}

/** Those of this process in hexadecimal; nothing where there is no such thing. */
function capabilities(): string {
  try {
    return /^CapPrm:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  } catch {
    return '';
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
