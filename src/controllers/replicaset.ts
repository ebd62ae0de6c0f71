/**
 * ReplicaSet: keep exactly `spec.replicas` Pods that match `spec.selector` alive.
 *
 * The work is in `shared/replicas.ts`. Upstream: pkg/controller/replicaset, v1.36.
 */
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import type { ReplicaSet } from '#api/gen/apps-v1.ts';
import { selectorOf } from '#api/meta/labels.ts';
import { type Desired, replicasController } from './shared/replicas.ts';

export const replicaSetController = replicasController<ReplicaSet>({
  name: 'replicaset-controller',
  type: REPLICA_SET,
  countsTerminating: true,
  desired,
});

function desired({ spec }: ReplicaSet): Desired {
  return {
    replicas: spec?.replicas ?? 1,
    minReadySeconds: spec?.minReadySeconds ?? 0,
    selector: selectorOf(spec?.selector),
    template: spec?.template ?? {},
  };
}
