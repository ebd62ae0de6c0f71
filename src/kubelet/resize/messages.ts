/**
 * The text of the events of a resize: what it is about, as JSON.
 *
 * Upstream: pkg/kubelet/events/resize.go, v1.36: the order of the fields is its.
 */
import type { Container, Pod } from '#api/gen/core-v1.ts';

export function resizeMessage(what: string, pod: Pod, generation: number, error = ''): string {
  const { initContainers = [], containers = [] } = pod.spec ?? {};
  const summary = {
    ...(initContainers.length === 0 ? {} : { initContainers: initContainers.map(allocation) }),
    ...(containers.length === 0 ? {} : { containers: containers.map(allocation) }),
    generation,
    ...(error === '' ? {} : { error }),
  };
  return `${what}: ${JSON.stringify(summary)}`;
}

function allocation({ name, resources = {} }: Container) {
  const { limits, requests } = resources;
  return {
    name,
    resources: {
      ...(limits === undefined ? {} : { limits: sorted(limits) }),
      ...(requests === undefined ? {} : { requests: sorted(requests) }),
    },
  };
}

function sorted(list: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(list).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
