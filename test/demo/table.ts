export interface Row {
  readonly group: string;
  readonly title: string;
  /** What an ordinary container got; empty where it wasn't asked. */
  readonly ordinary: string;
  readonly job: string;
  readonly right: boolean;
}

/** Prints the rows below the names of their groups, with a mark for each. */
export function printTable(rows: readonly Row[]): void {
  const head = { title: 'what was tried', ordinary: 'ordinary container', job: "jobgate's job" };
  const width = (key: 'title' | 'ordinary') => Math.max(...[head, ...rows].map((row) => row[key].length));
  const widths = { title: width('title'), ordinary: width('ordinary') };
  const line = (mark: string, row: Pick<Row, 'title' | 'ordinary' | 'job'>) =>
    `  ${mark.padEnd(5)} ${row.title.padEnd(widths.title)}   ${row.ordinary.padEnd(widths.ordinary)}   ${row.job}`;
  console.log(line('', head));
  let group: string | undefined;
  for (const row of rows) {
    if (row.group !== group) console.log(`\n  ${row.group}`);
    group = row.group;
    console.log(line(row.right ? 'ok' : 'WRONG', row));
  }
}
