/** Events of the API server's own loops: what a person must know of an object. */
import { createHash } from 'node:crypto';
import type { Event } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { timeText } from '#api/meta/time.ts';
import type { LocalClient } from './local-client.ts';

const EVENTS = { group: '', version: 'v1', plural: 'events' };

export interface Finding {
  /** With its kind and version. */
  readonly about: KubeObject;
  /** Who says it: `ipallocator-repair-controller`. */
  readonly reporter: string;
  readonly reason: string;
  readonly action: string;
  readonly message: string;
}

/**
 * The same finding has the same name: what was said is not said again while the Event lives.
 * Rejects when it cannot be written.
 */
export async function report(
  client: Pick<LocalClient, 'create'>,
  { about, reporter, reason, action, message }: Finding,
  nowMs: number,
): Promise<void> {
  const { name = '', namespace, uid = '', resourceVersion = '' } = about.metadata ?? {};
  const digest = createHash('sha256').update(`${uid} ${reason} ${message}`).digest('hex');
  const now = timeText(nowMs);
  const event: Event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name}.${digest.slice(0, 16)}`, namespace: namespace ?? 'default' },
    involvedObject: {
      apiVersion: about.apiVersion ?? '',
      kind: about.kind ?? '',
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      resourceVersion,
    },
    type: 'Warning',
    reason,
    action,
    message,
    source: { component: reporter },
    reportingComponent: reporter,
    reportingInstance: '',
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  };
  await client.create(EVENTS, event);
}
