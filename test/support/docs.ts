/**
 * The tables of docs/reference.md that are made from the code's own: settings, denial reasons and errors of the API. `npm run docs` writes
 * them; a test holds them against the code.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DENIALS } from '../../proxy/policy/denials.js';
import { formatRate } from '../../proxy/policy/rate.js';
import { accountJsonSchema } from '../../src/account/account.js';
import { flagName, type Setting, spellings } from '../../src/config/setting.js';
import { SETTINGS } from '../../src/config/settings.js';
import { API_ERRORS } from '../../src/service/api-error.js';

const REFERENCE = fileURLToPath(new URL('../../docs/reference.md', import.meta.url));

/** Of the account of a job. */
export const ACCOUNT_SCHEMA = fileURLToPath(new URL('../../docs/account.schema.json', import.meta.url));

/** The reference as it is. */
export function reference(): string {
  return readFileSync(REFERENCE, 'utf8');
}

/** The reference with its tables as the code has them. */
export function refreshed(text: string): string {
  return Object.entries({ settings: settings(), denials: denials(), errors: errors() }).reduce(
    (all, [name, table]) => {
      const section = new RegExp(`(<!-- ${name}: npm run docs -->\n)[^]*?(<!-- end -->)`);
      if (!section.test(all)) throw new Error(`docs/reference.md has no section ${name}`);
      return all.replace(section, (_, begin: string, end: string) => `${begin}\n${table}\n${end}`);
    },
    text,
  );
}

function settings(): string {
  const rows = Object.entries(SETTINGS as Record<string, Setting>).map(([name, setting]) => {
    const flags = spellings(setting).flatMap(({ flag }) => (flag ? [code(flagName(flag))] : []));
    const keys = spellings(setting).flatMap(({ key }) => (key ? [code(key)] : []));
    return [
      keys.join(', '),
      [code(setting.env), ...flags].join(', '),
      byDefault(name, setting),
      `${setting.help}: ${setting.kind.syntax}`,
    ];
  });
  return table(['key', 'environment, flags', 'default', ''], rows);
}

function byDefault(name: string, { default: value }: Setting): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return '';
  if (name === 'rate') return code(formatRate(value as number));
  return code(name.endsWith('Ms') ? `${Number(value) / 1000}s` : String(value));
}

function denials(): string {
  const rows = Object.entries(DENIALS).map(([reason, { status, help }]) => [
    code(reason),
    status ? String(status) : 'closed',
    help,
  ]);
  return table(['reason', 'status', ''], rows);
}

function errors(): string {
  const rows = Object.entries(API_ERRORS).map(([error, status]) => [code(error), String(status)]);
  return table(['error', 'status'], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}

const code = (text: string) => `\`${text}\``;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(REFERENCE, refreshed(reference()));
  writeFileSync(ACCOUNT_SCHEMA, `${JSON.stringify(accountJsonSchema(), null, 2)}\n`);
}
