/**
 * How long a kubelet has waited for its runtime to start pods, as its own metrics say (upstream's
 * `kubelet_runtime_operations_duration_seconds`, of ours and of upstream's kubelet alike).
 */
import { NODE } from '#api/core/node.ts';
import type { RestClient } from '#client/rest.ts';

const METRIC = 'kubelet_runtime_operations_duration_seconds_sum';
const OF_STARTS = ['run_podsandbox', 'create_container', 'start_container'];
const MS_PER_SECOND = 1000;

/** Milliseconds of all calls so far that make sandboxes and start containers, on the only node. */
export async function startCallsMs(client: RestClient): Promise<number> {
  const { items } = await client.list(NODE, {});
  const name = items[0]?.metadata?.name ?? '';
  return parseStartCallsMs(
    await client.raw('GET', `/api/v1/nodes/${name}/proxy/metrics`, undefined, 'text/plain'),
  );
}

/** `text`: metrics in the format of Prometheus. Throws when there are none of these calls. */
export function parseStartCallsMs(text: string): number {
  const seconds = text
    .split('\n')
    .filter((line) =>
      OF_STARTS.some((name) => line.startsWith(`${METRIC}{operation_type="${name}"`)),
    )
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
  if (seconds.length !== OF_STARTS.length)
    throw new Error(`The kubelet tells of ${seconds.length} of ${OF_STARTS.length} calls`);
  return seconds.reduce((sum, value) => sum + value, 0) * MS_PER_SECOND;
}
