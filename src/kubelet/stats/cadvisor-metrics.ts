/**
 * `/metrics/cadvisor`: what dashboards of containers read. Pure.
 *
 * Upstream: cAdvisor's metrics/prometheus.go, by way of pkg/kubelet/server/server.go, v1.36.
 */
import { familyText, type Sample } from '#base/metrics.ts';
import type { MachineFacts } from '../node/machine.ts';
import { ENTITY_LABELS, type Entity, entitiesOf } from './cadvisor-entities.ts';
import { CADVISOR_FAMILIES, type CadvisorFamily, type DeviceNames } from './cadvisor-families.ts';
import type { FullLook } from './looks.ts';
import { machineMetrics } from './machine-metrics.ts';
import { deviceOfPath } from './proc-text.ts';

export interface CadvisorFacts {
  readonly machine: MachineFacts;
  /** The cgroup of all pods. */
  readonly podsPath: string;
  readonly sandboxImage: string;
}

/** `look` undefined: the node could not be looked at. */
export function cadvisorMetrics(look: FullLook | undefined, facts: CadvisorFacts): string {
  const value = look === undefined ? 1 : 0;
  const failed = familyText(
    {
      name: 'container_scrape_error',
      help: '1 when the figures of containers could not be read, else 0.',
      labels: [],
    },
    'gauge',
    [{ labels: [], value }],
  );
  if (look === undefined) return failed;
  const entities = entitiesOf(look, facts);
  const devices: DeviceNames = {
    byNumbers: look.devices,
    ofPath: (path) => deviceOfPath(look.mountinfo, path) ?? '',
  };
  const texts = CADVISOR_FAMILIES.map((family) => text(family, entities, devices));
  return [...texts, failed, machineMetrics(facts.machine, look.swapBytes)].join('');
}

function text(family: CadvisorFamily, entities: readonly Entity[], devices: DeviceNames): string {
  const { name, help, type, labels, values, isTimeless = false } = family;
  const samples = entities.flatMap((entity) =>
    values(entity, devices).map(
      ([more, value]): Sample => ({
        labels: [...entity.labels, ...more],
        value,
        ...(isTimeless ? {} : { timeMs: entity.timeMs }),
      }),
    ),
  );
  return familyText({ name, help, labels: [...ENTITY_LABELS, ...labels] }, type, samples);
}
