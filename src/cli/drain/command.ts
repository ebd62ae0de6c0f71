/**
 * `cox node drain`: cordons a node, evicts its pods through the eviction API, which honours
 * disruption budgets, and waits until they are gone.
 *
 * Source: kubectl drain, upstream staging/src/k8s.io/kubectl/pkg/{cmd/drain,drain}, v1.36.
 */
import { parseDuration } from '#api/codec/duration.ts';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { isNotFound, isStatus } from '#api/meta/status.ts';
import { type Environment, sleep, timeoutSignal } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import { UserError } from '../user-error.ts';
import { type DrainChoices, podsToEvict, podText } from './pods-to-evict.ts';

export interface DrainFlags extends DrainChoices {
  /** Seconds; negative: each pod's own. */
  readonly gracePeriod: number;
  /** Go's form; zero: without an end. */
  readonly timeout: string;
}

export interface DrainParts {
  readonly client: Client;
  readonly environment: Environment;
  readonly say: (line: string) => void;
}

/** kubectl's: between attempts at what a budget holds, and between looks at what has to go. */
const RETRY_MS = 5_000;
const LOOK_MS = 1_000;
const NS_PER_MS = 1e6;

/** Resolves when the node is empty. Rejects with UserError, or with what the API server said. */
export async function drain(name: string, flags: DrainFlags, parts: DrainParts): Promise<void> {
  const { client, say } = parts;
  const timeoutMs = timeoutOf(flags);
  await cordon(name, parts);
  const { items } = await client.list(POD, { fieldSelector: `spec.nodeName=${name}` });
  const plan = podsToEvict(items, flags);
  if (plan.refusals.length > 0)
    throw new UserError(
      `unable to drain node ${JSON.stringify(name)} due to error: ${plan.refusals.join(', ')}`,
    );
  if (plan.warnings.length > 0) say(`Warning: ${plan.warnings.join('; ')}`);
  await evictAll(plan.evict, { ...parts, timeoutMs, gracePeriod: flags.gracePeriod });
  say(`node/${name} drained`);
}

function timeoutOf({ timeout, gracePeriod }: DrainFlags): number {
  if (!Number.isInteger(gracePeriod))
    throw new UserError('Cannot use this --grace-period: give seconds, or -1 for each pod’s own.');
  try {
    const timeoutMs = parseDuration(timeout) / NS_PER_MS;
    if (timeoutMs >= 0) return timeoutMs;
  } catch {
    // Said below.
  }
  throw new UserError(
    `Cannot use --timeout ${JSON.stringify(timeout)}: give a time like 1m30s, or 0 for no end.`,
  );
}

async function cordon(name: string, { client, say }: DrainParts): Promise<void> {
  const node = await client.get(NODE, name);
  if (node.spec?.unschedulable === true) return say(`node/${name} already cordoned`);
  await client.patch(NODE, { name }, 'strategic', { spec: { unschedulable: true } });
  say(`node/${name} cordoned`);
}

interface Eviction extends DrainParts {
  /** 0: without an end. */
  readonly timeoutMs: number;
  readonly gracePeriod: number;
}

/** One pod that stays fails the drain, once all others have been tried. */
async function evictAll(pods: readonly Pod[], eviction: Eviction): Promise<void> {
  const { environment, timeoutMs } = eviction;
  const endless = new AbortController();
  const limit =
    timeoutMs === 0
      ? { signal: endless.signal, release: () => {} }
      : timeoutSignal(environment, timeoutMs);
  const outcomes = await Promise.allSettled(pods.map((pod) => evict(pod, eviction, limit.signal)));
  limit.release();
  const failures = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [messageOf(outcome.reason)] : [],
  );
  if (limit.signal.aborted) failures.unshift(`global timeout reached: ${timeoutMs / 1000}s`);
  if (failures.length > 0) throw new UserError(`error: ${failures.join('\n')}`);
}

async function evict(pod: Pod, eviction: Eviction, signal: AbortSignal): Promise<void> {
  const { client, environment, say, gracePeriod } = eviction;
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
  const body = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace },
    deleteOptions: {
      preconditions: { uid },
      ...(gracePeriod < 0 ? {} : { gracePeriodSeconds: gracePeriod }),
    },
  };
  say(`evicting pod ${podText(pod)}`);
  while (!signal.aborted) {
    try {
      await client.createSubresource(POD, { name, namespace }, 'eviction', body);
      break;
    } catch (error) {
      if (isNotFound(error) || isStatus(error, 'Conflict')) break;
      const what = `error when evicting pods/${JSON.stringify(name)} -n ${JSON.stringify(namespace)}`;
      if (!isStatus(error, 'TooManyRequests')) throw new Error(`${what}: ${messageOf(error)}`);
      say(`${what} (will retry after 5s): ${messageOf(error)}`);
    }
    await sleep(environment, RETRY_MS, signal);
  }
  await untilGone({ name, namespace, uid }, eviction, signal);
}

/** Gone: there is none of the name, or another one. */
async function untilGone(
  { name, namespace, uid }: { name: string; namespace: string; uid: string },
  { client, environment, say }: Eviction,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const found: Pod | undefined = await client
      .get(POD, name, namespace)
      .catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
    if (found?.metadata?.uid !== uid) return say(`pod/${name} evicted`);
    await sleep(environment, LOOK_MS, signal);
  }
  throw new Error(`pod ${namespace}/${name} is still there`);
}
