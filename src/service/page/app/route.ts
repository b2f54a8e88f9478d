import { useEffect, useState } from 'preact/hooks';

/** What is shown: in the address behind `#`, so that it survives a reload and the back button finds it. */
export interface View {
  /** `''`, `jobs`, `gateways` */
  readonly name: string;
  readonly id: string | undefined;
  readonly query: URLSearchParams;
}

function parse(hash: string): View {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [name = '', id] = path.split('/');
  return { name, id: id === undefined ? undefined : decoded(id), query: new URLSearchParams(query) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function useView(): View {
  const [hash, set] = useState(location.hash);
  useEffect(() => {
    const onChange = () => set(location.hash);
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  return parse(hash);
}

/** Notes how a view is looked at, in its address, without a step for the back button. */
export function noteQuery(name: string, query: Readonly<Record<string, string | undefined>>): void {
  const given = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const text = new URLSearchParams(given).toString();
  history.replaceState(null, '', `#/${name}${text === '' ? '' : `?${text}`}`);
}

/** The address of a job that serve runs, or of a gateway. */
export const hrefOf = (kind: 'jobs' | 'gateways', id: string) => `#/${kind}/${encodeURIComponent(id)}`;
