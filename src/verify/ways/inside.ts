import { UsageError } from '../../errors.js';
import type { Promised } from '../world.js';
import type { CommandWay } from './way.js';

/**
 * A container that runs already, of whatever product.
 *
 * @param text words with blanks between them; no shell reads it
 * @throws UsageError for none
 */
export function insideBy(text: string, promised: Promised): CommandWay {
  const [file, ...args] = text.split(' ').filter((word) => word !== '');
  if (file === undefined) throw new UsageError('--inside: write the command: docker exec -i CONTAINER');
  return { through: `a container that runs: ${text}`, command: [file, ...args], promised };
}
