/** A line of the table in docs/clients.md. */
export interface Row {
  readonly name: string;
  readonly version: string;
  readonly with: string;
  readonly without: string;
}

const TABLE = /(<!-- clients: .* -->\n).*?(<!-- end -->)/s;

/** The page with its table as it was measured. @throws Error where it has none */
export function refreshed(page: string, rows: readonly Row[]): string {
  if (!TABLE.test(page)) throw new Error('docs/clients.md has no table');
  const lines = rows.map((row) => `| ${row.name} | ${row.version} | ${row.with} | ${row.without} |`);
  const table = [
    '| client | version | with the variables | with none |',
    '| --- | --- | --- | --- |',
    ...lines,
  ];
  return page.replace(TABLE, (_, begin: string, end: string) => `${begin}\n${table.join('\n')}\n\n${end}`);
}
