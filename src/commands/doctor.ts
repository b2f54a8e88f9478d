import { Command, Option } from 'commander';
import { hasColors } from '../color.js';
import { loadConfig } from '../config/load.js';
import { examine } from '../doctor/examine.js';
import type { Finding } from '../doctor/finding.js';
import { EXIT } from '../exit-codes.js';
import { during } from '../progress.js';
import { terminalJson } from '../terminal.js';
import { visible } from '../visible.js';
import { addOptions, admissionOptions, type CommonFlags, configOptions } from './common-options.js';
import { settingOptions } from './setting-options.js';

export function doctorCommand(): Command {
  const command = new Command('doctor').description(
    'Looks at the engine, the firewall, privileges and limits of this node. Changes nothing.\n' +
      'Exit code 0 if HTTP jobs can be enforced here, at one placement of their gateways at least; 125 if not: it is what\n' +
      'the last line says.',
  );
  addOptions(
    command,
    new Option('--json', 'a JSON array of findings'),
    ...settingOptions('gatewayPlacement', 'gatewayPort'),
    ...admissionOptions(),
    ...configOptions(),
  );
  return command.action(async (flags: CommonFlags & { json?: true }) => {
    const config = await loadConfig({ flags, env: process.env });
    const findings = await during('looking at this node', () => examine(config));
    process.stdout.write(flags.json ? `${terminalJson(findings, 2)}\n` : table(findings));
    process.exitCode = findings.at(-1)?.status === 'fail' ? EXIT.failed : EXIT.ok;
  });
}

/** `lack`: of one placement, where the other may do. */
const MARK = { ok: 'ok  ', warn: 'note', fail: 'FAIL', lack: 'lack' } as const;
const COLOR = { ok: 32, warn: 33, fail: 31, lack: 33 } as const;

function table(findings: readonly Finding[]): string {
  const names = findings.map(({ check, placement }) => (placement ? `${placement}: ${check}` : check));
  const width = Math.max(...names.map((name) => name.length));
  return findings
    .map((one) => ({
      ...one,
      status: one.status === 'fail' && one.placement ? ('lack' as const) : one.status,
    }))
    .map(({ status, detail, fix }, i) => {
      const mark = hasColors(process.stdout) ? `\x1b[${COLOR[status]}m${MARK[status]}\x1b[0m` : MARK[status];
      return `${mark}  ${names[i]?.padEnd(width)}  ${visible(detail)}${fix ? `\n      ${' '.repeat(width)}  → ${visible(fix)}` : ''}\n`;
    })
    .join('');
}
