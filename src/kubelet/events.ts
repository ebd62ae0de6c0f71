/**
 * What the kubelet reports to people, about pods and their containers.
 *
 * The recorder itself is the client's (`client/events.ts`); this is the part of it that is used.
 */
import type { Container, EphemeralContainer, ObjectReference, Pod } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';

export interface KubeletEvent {
  readonly about: KubeObject | { readonly reference: ObjectReference };
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly fieldPath?: string;
}

export interface KubeletEvents {
  event(event: KubeletEvent): void;
}

type Type = KubeletEvent['type'];

/** Records events about one pod. */
export class PodEvents {
  readonly #events: KubeletEvents;
  readonly #pod: () => Pod;

  constructor(events: KubeletEvents, pod: () => Pod) {
    this.#events = events;
    this.#pod = pod;
  }

  pod(type: Type, reason: string, message: string): void {
    this.#events.event({ about: withKind(this.#pod()), type, reason, message });
  }

  container(
    container: Container | EphemeralContainer,
    event: { readonly type: Type; readonly reason: string; readonly message: string },
  ): void {
    const fieldPath = containerFieldPath(this.#pod(), container.name);
    this.#events.event({ about: withKind(this.#pod()), fieldPath, ...event });
  }
}

/** Objects in lists come without their kind; a reference needs it. */
function withKind(pod: Pod): Pod {
  return { ...pod, apiVersion: 'v1', kind: 'Pod' };
}

function containerFieldPath(pod: Pod, name: string): string {
  const { initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  if (initContainers.some((one) => one.name === name)) return `spec.initContainers{${name}}`;
  if (ephemeralContainers.some((one) => one.name === name)) {
    return `spec.ephemeralContainers{${name}}`;
  }
  return `spec.containers{${name}}`;
}
