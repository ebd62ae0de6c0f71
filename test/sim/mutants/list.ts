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
    find: 'draft.scale(only, size, true);',
    replace: 'draft.scale(only, size);',
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
  {
    name: 'job-list-has-a-uid-twice',
    report: 'kubernetes/kubernetes#125410',
    about:
      'The uid of a Pod that has ended is put on a list of the status that has it already: the API refuses that status for ever.',
    casts: ['jobs'],
    file: 'src/controllers/job/tracking.ts',
    find: 'else if (!knownSucceeded.has(uid)) found.succeeded.push(uid);',
    replace: 'else found.succeeded.push(uid);',
  },
  {
    name: 'job-counts-a-pod-twice',
    report: 'kubernetes/kubernetes#105200',
    about:
      'A cache of Pods that is behind still shows the finalizer of a Pod that is counted and let go: it is counted again.',
    casts: ['jobs'],
    file: 'src/controllers/job/sync.ts',
    find: 'if (selector === undefined || isCurrent(job, pods.resourceVersion, memory))',
    replace: 'memory.removed = new Set(); if (selector === undefined || isCurrent !== undefined)',
    also: [
      {
        // No pass waits for a cache that lags behind the last one's writes.
        file: 'src/reconcile/own-writes.ts',
        find: 'if (waits && !expired) return true;',
        replace: "if (waits && !expired && !this.#informers.has('batch/v1/jobs')) return true;",
      },
    ],
  },
  {
    name: 'job-is-gone-its-pods-stay',
    report: 'kubernetes/kubernetes#108645',
    about:
      'Pods that were ending when their Job went keep its finalizer, because nothing looks at them again.',
    casts: ['jobs'],
    file: 'src/controllers/job.ts',
    find: 'if (isTracked(pod)) setup.enqueue(ORPHAN + keyOf(pod), BATCH_MS);',
    replace: 'void [pod, isTracked];',
  },
  {
    name: 'collector-takes-what-it-has-not-seen-for-gone',
    report: 'kubernetes/kubernetes#88097',
    about:
      'An owner that the graph does not have, because its kind is listed later or its watch is behind, is taken for gone without a look at the server.',
    casts: ['owners'],
    file: 'src/controllers/garbage-collector/collector.ts',
    find: 'const owner = await this.#get(type, { name: reference.name, namespace });',
    replace:
      'const isSeen = this.#options.graph.node(reference.uid) !== undefined; const owner = isSeen ? await this.#get(type, { name: reference.name, namespace }) : undefined;',
  },
  {
    name: 'taint-is-gone-its-eviction-is-not',
    report: 'kubernetes/kubernetes#90794',
    about:
      'A Pod is driven out by a taint that was removed in time, because another taint is left, which the Pod bears for ever.',
    casts: ['taints'],
    file: 'src/controllers/taint-eviction.ts',
    find: "if (seconds.length === 0) return { kind: 'keep' };",
    replace: "if (seconds.length === 0) return { kind: sinceMs === undefined ? 'keep' : 'now' };",
  },
  {
    name: 'quota-does-not-see-deletions',
    report: 'kubernetes/kubernetes#65107',
    about: 'What was deleted is still counted, until everything is counted anew.',
    casts: ['quotas'],
    file: 'src/controllers/resourcequota.ts',
    find: "if (type === 'deleted') return true;",
    replace: "if (type === 'deleted') return false;",
  },
  {
    name: 'quota-does-not-see-its-new-limits',
    report: 'kubernetes/kubernetes#6845',
    about:
      'Limits that a user changed are not those of the status, until everything is counted anew.',
    casts: ['quotas'],
    file: 'src/controllers/resourcequota.ts',
    find: "return type !== 'modified' || !sameAmounts(object.spec?.hard, previous?.spec?.hard);",
    replace: "void [object, previous]; return type !== 'modified';",
  },
  {
    name: 'cron-job-believes-in-a-job-that-is-gone',
    report: 'kubernetes/kubernetes#37957',
    about:
      'A Job that somebody deleted stays on the list of active ones: with Forbid none begins again.',
    casts: ['cronjobs'],
    file: 'src/controllers/cronjob/sync.ts',
    find: 'if (there.has(uid) || (await pass.getJob(name)) !== undefined) continue;',
    replace: "if (there.has(uid) || name !== '') continue;",
  },
  {
    name: 'cron-job-gives-up-after-too-many-missed-times',
    report: 'kubernetes/kubernetes#45825',
    about: 'After more than a hundred missed times a CronJob never begins a Job again.',
    casts: ['cronjobs'],
    file: 'src/controllers/cronjob/missed.ts',
    find: "return { earliestMs, mostRecentMs, beforeMs, count: missed > MISSED_MAX ? 'many' : 'few' };",
    replace:
      "if (missed > MISSED_MAX) return { ...none, error }; return { earliestMs, mostRecentMs, beforeMs, count: 'few' };",
  },
  {
    name: 'recreate-does-not-wait',
    report: 'kubernetes/kubernetes#27362',
    about: 'With Recreate the new Pods come while the old ones are still ending.',
    casts: ['deployments'],
    file: 'src/controllers/deployment/plan.ts',
    find: 'if (active.length > 0 || draft.oldRss.some(mayHavePods) || world.oldPodsRunning()) return;',
    replace: 'void mayHavePods; if (active.length > 0) return;',
  },
  {
    name: 'endpoints-compared-with-stale-ones',
    report: 'kubernetes/kubernetes#127429',
    about:
      'What should be is compared with Endpoints from before the last write, is the same, and is never written.',
    casts: ['services'],
    file: 'src/reconcile/own-writes.ts',
    find: 'if (informer === undefined || !(revision > informer.resourceVersion)) return;',
    replace:
      "if (informer === undefined || type.kind === 'Endpoints' || !(revision > informer.resourceVersion)) return;",
  },
  {
    name: 'daemons-out-of-order-are-not-counted',
    report: 'kubernetes/kubernetes#123232',
    about:
      'Old Pods that are not available are replaced beyond the limit of an update, and are not counted in it.',
    casts: ['daemonsets'],
    file: 'src/controllers/daemonset/rolling-update.ts',
    find: 'broken.push(oldPod);\n      unavailable++;',
    replace: 'broken.push(oldPod);',
  },
  {
    name: 'daemons-become-available-unseen',
    report: 'kubernetes/kubernetes#77203',
    about:
      'Nobody looks again when minReadySeconds are over, and the update waits for ever for the Pod to be available.',
    casts: ['daemonsets'],
    file: 'src/controllers/daemonset.ts',
    find: 'const waits = [readyMs, plan.waitMs]',
    replace: 'void readyMs; const waits = [plan.waitMs]',
  },
  {
    name: 'set-leaves-a-pod-that-succeeded',
    report: 'kubernetes/kubernetes#118310',
    about:
      'A Pod of a StatefulSet that was evicted and whose containers ended well is not made anew.',
    casts: ['statefulsets'],
    file: 'src/controllers/statefulset/plan.ts',
    find: "if (phase === 'Failed' || phase === 'Succeeded')",
    replace: "if (phase === 'Failed')",
  },
  {
    name: 'namespace-goes-before-its-pods',
    report: 'kubernetes/kubernetes#36891',
    about:
      'A Namespace is let go when all in it has been told to go, and Pods that still end stay behind.',
    casts: ['namespaces'],
    file: 'src/controllers/namespace/empty.ts',
    find: 'if (left.length === 0) return;',
    replace: 'if (left.length >= 0) return;',
  },
  {
    name: 'a-stale-count-makes-room',
    report: 'kubernetes/kubernetes#123434',
    about:
      'The controller has not seen all Pods yet that were charged to a quota, and its count is believed: there is room for more than the limit.',
    casts: ['quotas'],
    file: 'src/apiserver/admission/quota/recount.ts',
    find: 'if (status === undefined || doubtful.length === 0) return;',
    replace: 'if (status !== undefined) return;',
  },
  {
    name: 'a-quota-is-charged-for-what-was-deleted',
    report: 'kubernetes/kubernetes#65107',
    about: 'Nobody counts anew when something is deleted.',
    casts: ['quotas'],
    file: 'src/controllers/resourcequota.ts',
    find: "if (type === 'deleted') return true;",
    replace: "if (type === 'deleted') return false;",
  },
];
