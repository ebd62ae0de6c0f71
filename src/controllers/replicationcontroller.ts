/**
 * ReplicationController: the ancestor of ReplicaSet, with a plain map for a selector.
 *
 * The work is in `shared/replicas.ts`. Upstream: pkg/controller/replication, v1.36.
 */
import { REPLICATION_CONTROLLER } from '#api/core/replication-controller.ts';
import type { ReplicationController } from '#api/gen/core-v1.ts';
import { selectorOf } from '#api/meta/labels.ts';
import { type Desired, replicasController } from './shared/replicas.ts';

export const replicationControllerController = replicasController<ReplicationController>({
  name: 'replication-controller',
  queue: 'replicationmanager',
  type: REPLICATION_CONTROLLER,
  countsTerminating: false,
  desired,
});

function desired({ spec }: ReplicationController): Desired {
  const matchLabels = spec?.selector ?? {};
  return {
    replicas: spec?.replicas ?? 1,
    minReadySeconds: spec?.minReadySeconds ?? 0,
    // An empty map selects nothing, unlike an empty LabelSelector.
    selector: Object.keys(matchLabels).length === 0 ? undefined : selectorOf({ matchLabels }),
    template: spec?.template ?? {},
  };
}
