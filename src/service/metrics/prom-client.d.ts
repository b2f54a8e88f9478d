declare module 'prom-client/lib/metrics/*.js' {
  import type { Registry } from 'prom-client';

  const add: (registry: Registry) => void;
  export default add;
}
