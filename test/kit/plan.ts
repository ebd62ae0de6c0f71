/** `cox plan` against a cluster in virtual time, which stands for the real one. */
import type { Client } from '#client/client.ts';
import { turnOfLoop } from '#edge/environment.ts';
import { parseManifests } from '#plan/change/manifests.ts';
import { type PlanChange, plan } from '#plan/plan.ts';
import type { Plan } from '#plan/report/plan-result.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { TestCluster } from './cluster.ts';

export interface PlanRequest extends Partial<Omit<PlanChange, 'manifests'>> {
  /** Who asks; the administrator unless given. */
  readonly client?: Client;
  readonly limitMs?: number;
  readonly seed?: number;
  /** From a node to ready, of pods that have no like. */
  readonly startMs?: number;
}

/** The plan of applying `objects`, in this order, unless another action is asked for. */
export function planOf(
  cluster: TestCluster,
  objects: readonly KubeObject[],
  request: PlanRequest = {},
): Promise<Plan> {
  const { client = cluster.client, limitMs = 1_800_000, seed = 1, startMs = 5_000 } = request;
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const { action = 'apply', namespace = 'default', enforcesNamespace = false } = request;
  const { forces = false, drain } = request;
  return plan({
    client,
    change: {
      manifests: parseManifests(text, 'change.json'),
      action,
      namespace,
      enforcesNamespace,
      forces,
      ...(drain === undefined ? {} : { drain }),
    },
    startMs: cluster.environment.clock.now(),
    seed,
    limitMs,
    times: { startMs, stopMs: 2_000 },
    turn: turnOfLoop,
  });
}
