import { Command, Option } from 'commander';
import { hasColors } from '../color.js';
import { loadConfig } from '../config/load.js';
import { examine } from '../doctor/examine.js';
import type { Finding } from '../doctor/finding.js';
import { EXIT } from '../exit-codes.js';
import { terminalJson, visible } from '../terminal.js';
import { addOptions, admissionOptions, type CommonFlags, configOptions } from './common-options.js';
import { settingOptions } from './setting-options.js';

export function doctorCommand(): Command {
  const command = new Command('doctor').description(
    'Looks at the engine, the firewall, privileges and limits of this node. Changes nothing.\n' +
      'Exit code 0 if HTTP jobs can be enforced here, at one placement of their gateways at least; 125 if not.',
  );
  addOptions(
    command,
    new Option('--json', 'a JSON array of findings'),
    ...settingOptions('gatewayPlacement', 'gatewayPort'),
    ...admissionOptions(),
    ...configOptions(),
  );
  return command.action(async (flags: CommonFlags & { json?: true }) => {
    const findings = await examine(await loadConfig({ flags, env: process.env }));
    process.stdout.write(flags.json ? `${terminalJson(findings, 2)}\n` : table(findings));
    // What fails at one placement only is in the verdict on both.
    const failed = findings.some(({ status, placement }) => status === 'fail' && !placement);
    process.exitCode = failed ? EXIT.failed : EXIT.ok;
  });
}

const MARK = { ok: 'ok  ', warn: 'note', fail: 'FAIL' } as const;
const COLOR = { ok: 32, warn: 33, fail: 31 } as const;

function table(findings: readonly Finding[]): string {
  const names = findings.map(({ check, placement }) => (placement ? `${placement}: ${check}` : check));
  const width = Math.max(...names.map((name) => name.length));
  return findings
    .map(({ status, detail, fix }, i) => {
      const mark = hasColors(process.stdout) ? `\x1b[${COLOR[status]}m${MARK[status]}\x1b[0m` : MARK[status];
      return `${mark}  ${names[i]?.padEnd(width)}  ${visible(detail)}${fix ? `\n      ${' '.repeat(width)}  → ${visible(fix)}` : ''}\n`;
    })
    .join('');
}
