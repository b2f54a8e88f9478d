import type { Option } from 'commander';
import { ApiClient } from '../client/client.js';
import { type Config, loadConfig } from '../config/load.js';
import { type CommonFlags, configFile } from './common-options.js';
import { settingOptions } from './setting-options.js';

/** Where the serve is that a command asks. */
export function clientOptions(): Option[] {
  return [...settingOptions('listen', 'tokenFile'), configFile()];
}

/** Of a serve that is named otherwise than by the settings. @throws UsageError */
export function clientAt(listen: string, { service }: Config): ApiClient {
  return new ApiClient({ ...service, listen });
}

export async function clientOf(flags: CommonFlags): Promise<ApiClient> {
  return new ApiClient((await loadConfig({ flags, env: process.env })).service);
}
