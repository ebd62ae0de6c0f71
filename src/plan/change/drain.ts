/**
 * Empties a node of the fork as `kubectl drain --ignore-daemonsets --delete-emptydir-data` does: it
 * is cordoned, and its pods are evicted; what a disruption budget holds is asked for again.
 *
 * Source: upstream staging/src/k8s.io/kubectl/pkg/drain, v1.36.
 */
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { isNotFound, isStatus, StatusError } from '#api/meta/status.ts';
import { sleep } from '#base/env.ts';
import type { Client } from '#client/client.ts';
import type { Fork } from '../fork/fork.ts';
import type { PlannedRefusal } from '../report/plan-result.ts';

/** How often an eviction that a budget forbids is tried. */
const RETRY_MS = 5_000;
const MIRROR = 'kubernetes.io/config.mirror';

interface Waiting {
  readonly pod: Pod;
  readonly sinceMs: number;
  refusal: StatusError | undefined;
  /** Set when the eviction was let through. */
  untilMs?: number;
}

export class Drain {
  readonly #fork: Fork;
  readonly #client: Client;
  readonly #evictions: Waiting[] = [];
  readonly #refused: PlannedRefusal[] = [];
  readonly #stopping = new AbortController();

  constructor(fork: Fork, client: Client) {
    this.#fork = fork;
    this.#client = client;
  }

  /** Cordons the node and begins to evict; evictions go on until `stop`. */
  async start(node: string): Promise<void> {
    try {
      await this.#client.patch(NODE, { name: node }, 'strategic', {
        spec: { unschedulable: true },
      });
    } catch (error) {
      return this.#refuse(`cordon Node ${node}`, error);
    }
    const fieldSelector = `spec.nodeName=${node}`;
    const { items } = await this.#fork.client.list(POD, { fieldSelector });
    for (const pod of items) if (this.#mustGo(pod)) this.#begin(pod);
  }

  /** Ends the attempts. What still waits has been refused. */
  stop(): readonly PlannedRefusal[] {
    this.#stopping.abort();
    for (const { pod, refusal, untilMs } of this.#evictions)
      if (refusal !== undefined && untilMs === undefined)
        this.#refuse(`evict Pod ${textOf(pod)}`, refusal);
    return this.#refused;
  }

  /** How long a budget held up the eviction of a pod that went; undefined when none did. */
  waitedMs(uid: string): number | undefined {
    const found = this.#evictions.find(({ pod }) => pod.metadata?.uid === uid);
    if (found?.untilMs === undefined || found.refusal === undefined) return undefined;
    return found.untilMs - found.sinceMs;
  }

  #mustGo(pod: Pod): boolean {
    if (pod.metadata?.annotations?.[MIRROR] !== undefined) return false;
    if (controllerOf(pod)?.kind === 'DaemonSet' && !isPodTerminal(pod)) return false;
    if (controllerOf(pod) !== undefined || isPodTerminal(pod)) return true;
    this.#refused.push({
      request: `evict Pod ${textOf(pod)}`,
      reason: 'Unmanaged',
      message: 'cannot delete Pods that declare no controller (use --force to override)',
    });
    return false;
  }

  #begin(pod: Pod): void {
    const { environment } = this.#fork;
    const waiting: Waiting = { pod, sinceMs: environment.elapsedMs, refusal: undefined };
    this.#evictions.push(waiting);
    this.#evict(waiting).catch((error: unknown) =>
      environment.log.error('eviction failed', { pod: textOf(pod), error: String(error) }),
    );
  }

  async #evict(waiting: Waiting): Promise<void> {
    const { environment } = this.#fork;
    const { name = '', namespace = '', uid = '' } = waiting.pod.metadata ?? {};
    const body = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace },
      deleteOptions: { preconditions: { uid } },
    };
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#client.createSubresource(POD, { name, namespace }, 'eviction', body);
        waiting.untilMs = environment.elapsedMs;
        return;
      } catch (error) {
        if (isNotFound(error)) {
          waiting.untilMs = environment.elapsedMs;
          return;
        }
        if (!(error instanceof StatusError)) throw error;
        waiting.refusal = error;
        if (!isStatus(error, 'TooManyRequests')) return;
      }
      await sleep(environment, RETRY_MS, this.#stopping.signal);
    }
  }

  #refuse(request: string, error: unknown): void {
    if (!(error instanceof StatusError)) throw error;
    const causes = error.status.details?.causes ?? [];
    const message = [error.message, ...causes.map((cause) => cause.message ?? '')].join(' ');
    this.#refused.push({ request, reason: error.status.reason ?? 'Unknown', message });
  }
}

function textOf({ metadata }: Pod): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}
