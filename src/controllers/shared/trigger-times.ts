/**
 * When what endpoints tell of happened: proxies measure from there how long news take to reach them.
 *
 * The earliest change since the last pass counts: a Pod that became ready, or stopped being so, and
 * in the first pass the making of the Service. Upstream:
 * staging/src/k8s.io/endpointslice/util/trigger_time_tracker.go, v1.36.
 */
import type { Pod, Service } from '#api/gen/core-v1.ts';
import type { ObjectMeta } from '#api/meta/object.ts';

const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';

/** What the last pass of a Service saw. Times are texts of the API: they sort as they are. */
interface Seen {
  readonly service: string;
  /** By the name of the Pod. */
  readonly pods: ReadonlyMap<string, string>;
}

export class TriggerTimes {
  readonly #seen = new Map<string, Seen>();

  /** To be asked once in each pass; undefined: nothing changed that has a time. */
  next(key: string, { metadata }: Service, pods: readonly Pod[]): string | undefined {
    const before = this.#seen.get(key);
    const service = metadata?.creationTimestamp ?? '';
    const now = {
      service,
      pods: new Map(pods.map((pod) => [pod.metadata?.name ?? '', timeOf(pod)])),
    };
    this.#seen.set(key, now);
    if (before === undefined) return service === '' ? undefined : service;
    const changed = [...now.pods]
      .filter(([name, time]) => time > (before.pods.get(name) ?? ''))
      .map(([, time]) => time);
    if (service > before.service) changed.push(service);
    return changed.sort((a, b) => (a < b ? -1 : 1))[0];
  }

  /** The Service is gone. */
  gone(key: string): void {
    this.#seen.delete(key);
  }
}

/** When the Pod last became ready or stopped being so; empty: never. */
function timeOf({ status }: Pod): string {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? '';
}

/** The object with `time` said in it, or none. */
export function withTriggerTime<T extends { metadata?: ObjectMeta }>(
  object: T,
  time: string | undefined,
): T {
  const { [TRIGGER_TIME]: _, ...others } = object.metadata?.annotations ?? {};
  const annotations = time === undefined ? others : { ...others, [TRIGGER_TIME]: time };
  return { ...object, metadata: { ...object.metadata, annotations } };
}
