import { Chart } from './chart.js';
import { count } from './format.js';
import { minutesOf } from './history.js';
import { Card } from './parts.js';
import type { History } from './server-types.js';

/** How much was refused in each minute of the last hour, of a job or of the node. */
export function Refusals({ history }: { history: History | undefined }) {
  const minutes = minutesOf(history);
  return (
    <Card title="Refused by the minute">
      <Chart
        label="Refusals by the minute in the last hour"
        times={minutes.times}
        lines={[{ label: 'refused', color: 'bad', values: minutes.denied, bars: true }]}
        format={count}
        least={5}
        range={3_600}
      />
    </Card>
  );
}
