/**
 * Role aggregation: keeps the rules of a ClusterRole with an aggregation rule equal to those of all
 * the roles that it selects.
 *
 * Upstream: pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go, v1.36.
 */
import type { ClusterRole } from '#api/gen/rbac-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { aggregatedRules } from '#api/rbac/aggregation.ts';
import { CLUSTER_ROLE } from '#api/rbac/cluster-role.ts';
import { type Informer, keyOf } from '#client/informer.ts';
import { type Controller, defineKeyController } from '#reconcile/controller.ts';

const NAME = 'clusterrole-aggregation-controller';

export const clusterRoleAggregationController: Controller = defineKeyController({
  name: NAME,
  queue: 'ClusterRoleAggregator',
  create: (setup) => {
    // Who selects whom may change with any label: there are few aggregated roles, so all are asked.
    const roles: Informer<ClusterRole> = setup.watch(CLUSTER_ROLE, () =>
      roles.list().filter(isAggregated).map(keyOf),
    );
    return async (key, { client }) => {
      const role = roles.get(key);
      if (role === undefined || !isAggregated(role)) return;
      const rules = aggregatedRules(role, roles.list());
      if (equalValues(rules, role.rules)) return;
      const metadata = { name: key };
      const wanted = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata };
      const options = { fieldManager: NAME, force: true };
      await client.patch(CLUSTER_ROLE, metadata, 'apply', { ...wanted, rules }, options);
    };
  },
});

function isAggregated({ aggregationRule }: ClusterRole): boolean {
  return aggregationRule !== undefined;
}
