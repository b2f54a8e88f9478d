import { Command, Option } from 'commander';
import { loadConfig } from '../config/load.js';
import { examine } from '../doctor/examine.js';
import type { Finding } from '../doctor/finding.js';
import { EXIT } from '../exit-codes.js';
import { addOptions, admissionOptions, type CommonFlags, configOptions } from './common-options.js';
import { settingOptions } from './setting-options.js';

export function doctorCommand(): Command {
  const command = new Command('doctor')
    .summary('what this node can enforce, and what is missing')
    .description(
      'Looks at the engine, the firewall, privileges and limits of this node. Changes nothing.\n' +
        'Exit code 0 if HTTP jobs can be enforced here, 125 if not.',
    );
  addOptions(
    command,
    new Option('--json', 'a JSON array of findings'),
    ...settingOptions('gatewayPort'),
    ...admissionOptions(),
    ...configOptions(),
  );
  return command.action(async (flags: CommonFlags & { json?: true }) => {
    const findings = await examine(await loadConfig({ flags, env: process.env }));
    process.stdout.write(flags.json ? `${JSON.stringify(findings, null, 2)}\n` : table(findings));
    process.exitCode = findings.some(({ status }) => status === 'fail') ? EXIT.failed : EXIT.ok;
  });
}

const MARK = { ok: 'ok  ', warn: 'note', fail: 'FAIL' } as const;
const COLOR = { ok: 32, warn: 33, fail: 31 } as const;

function table(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  return findings
    .map(({ check, status, detail, fix }) => {
      const mark = process.stdout.isTTY ? `\x1b[${COLOR[status]}m${MARK[status]}\x1b[0m` : MARK[status];
      return `${mark}  ${check.padEnd(width)}  ${detail}${fix ? `\n      ${' '.repeat(width)}  → ${fix}` : ''}\n`;
    })
    .join('');
}
