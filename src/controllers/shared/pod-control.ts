/**
 * Creating and deleting Pods for an owner, who tells about it in events.
 *
 * Upstream: RealPodControl in pkg/controller/controller_utils.go, v1.36.
 */
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { isNotFound, StatusError } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';

/** What of a pass is needed to write. */
export interface Writer {
  readonly client: Client;
  readonly events: Pick<EventRecorder, 'event'>;
}

/** Creates `pod`. A namespace that is being deleted refuses it, and nothing is wrong. */
export async function createPod(pod: Pod, owner: KubeObject, writer: Writer): Promise<void> {
  try {
    const created = await writer.client.create(POD, pod);
    const message = `Created pod: ${created.metadata?.name ?? ''}`;
    writer.events.event({ about: owner, type: 'Normal', reason: 'SuccessfulCreate', message });
  } catch (error) {
    // In a namespace that is being deleted every create fails.
    if (isNamespaceTerminating(error)) return;
    const message = `Error creating: ${messageOf(error)}`;
    writer.events.event({ about: owner, type: 'Warning', reason: 'FailedCreate', message });
    throw error;
  }
}

/** Deletes `pod`; one that is gone is no failure. */
export async function deletePod(pod: Pod, owner: KubeObject, writer: Writer): Promise<void> {
  const { name = '', namespace = '' } = pod.metadata ?? {};
  try {
    await writer.client.delete(POD, { name, namespace });
    const message = `Deleted pod: ${name}`;
    writer.events.event({ about: owner, type: 'Normal', reason: 'SuccessfulDelete', message });
  } catch (error) {
    if (isNotFound(error)) return;
    const message = `Error deleting: ${messageOf(error)}`;
    writer.events.event({ about: owner, type: 'Warning', reason: 'FailedDelete', message });
    throw new Error(`unable to delete pods: ${messageOf(error)}`, { cause: error });
  }
}

export function isNamespaceTerminating(error: unknown): boolean {
  const causes = error instanceof StatusError ? error.status.details?.causes : undefined;
  return causes?.some(({ reason }) => reason === 'NamespaceTerminating') ?? false;
}
