/**
 * PodDisruptionBudget: keeps its status true, which says how many of its Pods may be evicted. The
 * eviction API takes from it; this controller counts anew.
 *
 * Upstream: pkg/controller/disruption/disruption.go, v1.36; KEP-3017 is the eviction API's.
 */
import { isDeepStrictEqual } from 'node:util';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { POD } from '#api/core/pod.ts';
import { REPLICATION_CONTROLLER } from '#api/core/replication-controller.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/gen/policy-v1.ts';
import { matchesSelector, selectorAsStruct, selectorOf } from '#api/meta/labels.ts';
import { parseApiVersion } from '#api/meta/object.ts';
import { isConflict } from '#api/meta/status.ts';
import { POD_DISRUPTION_BUDGET } from '#api/policy/pod-disruption-budget.ts';
import type { ResourceType } from '#client/client.ts';
import { type Change, type Informer, keyFor, keyOf } from '#client/informer.ts';
import {
  type Controller,
  defineKeyController,
  type Pass,
  type Result,
  type Setup,
} from '#reconcile/controller.ts';
import { asksForScale, countDisruptions, failedStatus } from './disruption/plan.ts';
import { Scales, UncountableError, type Workload } from './disruption/scale.ts';

export const disruptionController: Controller = defineKeyController({
  name: 'disruption-controller',
  component: 'controllermanager',
  create: (setup) => new Disruption(setup).reconcile,
});

/** Groups that a kind of workload is known under. */
const WORKLOADS: readonly { readonly type: ResourceType<Workload>; readonly groups: string[] }[] = [
  { type: REPLICATION_CONTROLLER, groups: [''] },
  { type: REPLICA_SET, groups: ['apps', 'extensions'] },
  { type: DEPLOYMENT, groups: ['apps', 'extensions'] },
  { type: STATEFUL_SET, groups: ['apps'] },
];

class Disruption {
  readonly #setup: Setup;
  readonly #budgets: Informer<PodDisruptionBudget>;
  readonly #pods: Informer<Pod>;
  readonly #scales: Scales;

  constructor(setup: Setup) {
    this.#setup = setup;
    this.#budgets = setup.watch(POD_DISRUPTION_BUDGET, ({ key }) => [key]);
    this.#pods = setup.watch(POD, (change) => this.#budgetsOf(change));
    const workloads = WORKLOADS.map(({ type, groups }) => ({
      kind: type.kind,
      groups,
      informer: setup.watch(type, (change) => this.#scaled(change)),
    }));
    this.#scales = new Scales(({ apiVersion, kind, name }, namespace) => {
      const { group } = parseApiVersion(apiVersion);
      const known = workloads.find((each) => each.kind === kind && each.groups.includes(group));
      return known === undefined
        ? undefined
        : (known.informer.get(keyFor(name, namespace)) ?? null);
    }, setup.environment.clock);
  }

  readonly reconcile = async (key: string, pass: Pass): Promise<Result | void> => {
    const budget = this.#budgets.get(key);
    if (budget === undefined) return;
    try {
      return await this.#count(budget, pass);
    } catch (error) {
      if (isConflict(error)) throw error;
      const message = error instanceof Error ? error.message : String(error);
      // Whoever asks for an eviction must be refused: what is in the status may be too much.
      const nowMs = this.#setup.environment.clock.now();
      await this.#write(budget, failedStatus(budget, message, nowMs), pass);
      // Upstream leaves it at that: where this status was there already, no change would bring it back.
      if (!(error instanceof UncountableError)) throw error;
      this.#setup.log.warn('cannot count a budget', { budget: key, error: message });
    }
  };

  async #count(budget: PodDisruptionBudget, pass: Pass): Promise<Result | void> {
    const pods = this.#podsOf(budget);
    if (pods.length === 0) this.#tell(budget, 'Normal', 'NoPods', 'No matching pods found');
    const scale = asksForScale(budget) ? await this.#scaleOf(budget, pods, pass) : 0;
    const nowMs = this.#setup.environment.clock.now();
    const { status, notDeleted, recheckAfterMs } = countDisruptions(budget, { pods, scale, nowMs });
    const { namespace } = budget.metadata ?? {};
    for (const pod of notDeleted) {
      const message = `Pod was expected by PDB ${namespace}/${namespace} to be deleted but it wasn't`;
      this.#tell(pod, 'Warning', 'NotDeleted', message);
    }
    await this.#write(budget, status, pass);
    return recheckAfterMs === undefined ? undefined : { requeueAfterMs: recheckAfterMs };
  }

  async #scaleOf(budget: PodDisruptionBudget, pods: readonly Pod[], { client }: Pass) {
    try {
      const { scale, unmanaged } = await this.#scales.expected(client, pods);
      if (unmanaged.length > 0)
        this.#tell(budget, 'Warning', 'UnmanagedPods', unmanagedText(budget));
      return scale;
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      const message = `Failed to calculate the number of expected pods: ${cause}`;
      this.#tell(budget, 'Warning', 'CalculateExpectedPodCountFailed', message);
      throw error;
    }
  }

  async #write(
    budget: PodDisruptionBudget,
    status: PodDisruptionBudgetStatus,
    { client }: Pass,
  ): Promise<void> {
    if (isDeepStrictEqual(status, budget.status)) return;
    await client.update(POD_DISRUPTION_BUDGET, { ...budget, status }, 'status');
  }

  #podsOf({ metadata, spec }: PodDisruptionBudget): Pod[] {
    const selector = selectorOf(spec?.selector);
    if (selector === undefined) return [];
    const pods = this.#pods.list(metadata?.namespace);
    return pods.filter((pod) => matchesSelector(selector, pod.metadata?.labels));
  }

  #budgetsOf({ type, object, previous }: Change<Pod>): string[] {
    const { namespace, name, labels } = object.metadata ?? {};
    const before = previous?.metadata?.labels;
    const keys: string[] = [];
    const covering: string[] = [];
    for (const budget of this.#budgets.list(namespace)) {
      const selector = selectorOf(budget.spec?.selector);
      if (selector === undefined) continue;
      const covers = matchesSelector(selector, labels);
      if (covers) covering.push(budget.metadata?.name ?? '');
      if (covers || (previous !== undefined && matchesSelector(selector, before)))
        keys.push(keyOf(budget));
    }
    if (covering.length > 1 && type !== 'deleted') {
      const message = `Pod "${namespace}"/"${name}" matches multiple PodDisruptionBudgets.  Chose "${covering[0]}" arbitrarily.`;
      this.#tell(object, 'Warning', 'MultiplePodDisruptionBudgets', message);
    }
    return keys;
  }

  /** A workload that wants another number: upstream waits for the next change of a Pod. */
  #scaled({ type, object, previous }: Change<Workload>): string[] {
    if (type === 'modified' && object.spec?.replicas === previous?.spec?.replicas) return [];
    return this.#budgets.list(object.metadata?.namespace).filter(asksForScale).map(keyOf);
  }

  #tell(
    about: Pod | PodDisruptionBudget,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void {
    this.#setup.events.event({ about, type, reason, message });
  }
}

function unmanagedText({ spec }: PodDisruptionBudget): string {
  return `Pods selected by this PodDisruptionBudget (selector: ${selectorAsStruct(spec?.selector ?? {})}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;
}
