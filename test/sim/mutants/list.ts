/** Faults that upstream's controllers have had. */
import type { Mutant } from './mutant.ts';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'deployment-stuck-when-scaled',
    report: 'kubernetes/kubernetes#138036',
    about:
      'Scaled while its rollout begins, to a size that the only active ReplicaSet has already, a Deployment takes every pass for scaling and never goes on.',
    casts: ['deployments'],
    file: 'src/controllers/deployment/plan.ts',
    find: 'draft.scale(only, desiredReplicas(deployment), true);',
    replace: 'draft.scale(only, desiredReplicas(deployment));',
  },
  {
    name: 'stale-cache-makes-more-pods',
    report: 'kubernetes/kubernetes#54096',
    about:
      'A pass looks at a cache that does not show yet what the pass before it wrote, and does it again.',
    casts: ['deployments'],
    file: 'src/reconcile/own-writes.ts',
    find: 'if (waits && !expired) return true;',
    replace: '',
  },
  {
    name: 'budget-counts-pods-that-were-let-go',
    report: 'kubernetes/kubernetes#36196',
    about:
      'An evicted Pod that is not deleted yet still counts as healthy, and more are let go than the budget has.',
    casts: ['budgets'],
    file: 'src/controllers/disruption/plan.ts',
    find: "letGo.disruptedPods[pod.metadata?.name ?? ''] === undefined &&",
    replace: '',
  },
  {
    name: 'budget-forgets-an-eviction-of-the-moment',
    report: 'kubernetes/kubernetes#82149',
    about:
      'The count is written over what an eviction has taken meanwhile, because the controller, refused, reads the budget again and writes what it had counted before.',
    casts: ['budgets'],
    file: 'src/controllers/disruption.ts',
    find: "await client.update(POD_DISRUPTION_BUDGET, { ...budget, status }, 'status');",
    replace:
      "const fresh = await client.get(POD_DISRUPTION_BUDGET, budget.metadata?.name ?? '', budget.metadata?.namespace); await client.update(POD_DISRUPTION_BUDGET, { ...fresh, status }, 'status');",
  },
  {
    name: 'slices-that-changed-are-left-so',
    report: 'kubernetes/kubernetes#85353',
    about: 'A change or deletion of an EndpointSlice by somebody else wakes nobody.',
    casts: ['deployments'],
    file: 'src/controllers/endpointslice.ts',
    find: 'keys: serviceOfSlice }',
    replace: 'keys: () => [] }',
  },
  {
    name: 'daemons-of-nodes-that-are-gone',
    report: 'kubernetes/kubernetes#22545',
    about: 'A Pod for a node that is not there any more is left to itself.',
    casts: ['daemonsets'],
    file: 'src/controllers/daemonset/plan.ts',
    find: 'if (!nodes.has(node)) found.deletes.push(...there.filter(({ spec }) => !spec?.nodeName));',
    replace: 'void [nodes, there];',
  },
];
