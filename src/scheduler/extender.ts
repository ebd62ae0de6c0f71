/**
 * An HTTP extender: somebody outside who filters and scores nodes, binds pods, chooses victims.
 *
 * Source: upstream v1.36 pkg/scheduler/extender.go and staging/src/k8s.io/kube-scheduler/extender/v1.
 * Its types have no names for JSON: what is sent begins with capitals, and of answers the case does
 * not matter.
 */
import { trimEndOf } from '#base/trim.ts';
import { parseDuration } from '#api/codec/duration.ts';
import type { Node, Pod } from '#api/gen/core-v1.ts';
import type { Environment } from '#base/env.ts';
import { type Handler, readBody } from '#base/http/message.ts';
import type { ExtenderConfig } from './config/types.ts';
import type { PodInfo } from './framework.ts';

/** An answer with more is refused. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export interface ExtenderOptions {
  readonly config: ExtenderConfig;
  /** The road to the host of `urlPrefix`; it gets the whole path. */
  readonly handler: Handler;
  readonly environment: Environment;
}

export interface FilterAnswer {
  readonly nodeNames: readonly string[];
  /** Why not, by name of the node. */
  readonly failed: ReadonlyMap<string, string>;
  /** Where evictions would not help either. */
  readonly unresolvable: ReadonlyMap<string, string>;
}

/** Pods that must go from a node. */
export interface NodeVictims {
  readonly victims: readonly PodInfo[];
  readonly violations: number;
}

type Loose = Readonly<Record<string, unknown>>;

export class Extender {
  readonly #config: ExtenderConfig;
  readonly #options: ExtenderOptions;
  readonly #managed: ReadonlySet<string>;

  constructor(options: ExtenderOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#managed = new Set((options.config.managedResources ?? []).map(({ name }) => name));
  }

  get name(): string {
    return this.#config.urlPrefix;
  }

  get isIgnorable(): boolean {
    return this.#config.ignorable === true;
  }

  get isFilter(): boolean {
    return (this.#config.filterVerb ?? '') !== '';
  }

  get isPrioritizer(): boolean {
    return (this.#config.prioritizeVerb ?? '') !== '';
  }

  get isBinder(): boolean {
    return (this.#config.bindVerb ?? '') !== '';
  }

  get isPreempter(): boolean {
    return (this.#config.preemptVerb ?? '') !== '';
  }

  /** What its scores count. */
  get weight(): number {
    return this.#config.weight ?? 0;
  }

  /** Whether it looks after something that the pod asks for; without such a list, after all pods. */
  isInterested({ spec }: Pod): boolean {
    if (this.#managed.size === 0) return true;
    return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(({ resources }) =>
      [resources?.requests, resources?.limits].some((amounts) =>
        Object.keys(amounts ?? {}).some((name) => this.#managed.has(name)),
      ),
    );
  }

  /** Which of the nodes will do. Rejects when the extender fails, or names a node that is none. */
  async filter(pod: Pod, nodes: readonly Node[]): Promise<FilterAnswer> {
    const answer = record(await this.#send(this.#config.filterVerb, this.#args(pod, nodes)));
    const error = textOf(answer['error']);
    if (error !== '') throw new Error(error);
    const nodeNames = this.#namesIn(answer);
    const known = new Set(nodes.map(({ metadata }) => metadata?.name ?? ''));
    for (const name of nodeNames)
      if (!known.has(name))
        throw new Error(
          `extender ${JSON.stringify(this.name)} claims a filtered node ${JSON.stringify(name)} which is not found in the input node list`,
        );
    return {
      nodeNames,
      failed: reasons(answer['failednodes']),
      unresolvable: reasons(answer['failedandunresolvablenodes']),
    };
  }

  /** Points of nodes, 0 to 10. */
  async prioritize(pod: Pod, nodes: readonly Node[]): Promise<ReadonlyMap<string, number>> {
    const answer = await this.#send(this.#config.prioritizeVerb, this.#args(pod, nodes));
    const scores = (Array.isArray(answer) ? answer : []).map(record);
    return new Map(scores.map(({ host, score }) => [textOf(host), Number(score ?? 0)]));
  }

  async bind({ metadata }: Pod, node: string): Promise<void> {
    const { name: PodName = '', namespace: PodNamespace = '', uid: PodUID = '' } = metadata ?? {};
    const args = { PodName, PodNamespace, PodUID, Node: node };
    const error = textOf(record(await this.#send(this.#config.bindVerb, args))['error']);
    if (error !== '') throw new Error(error);
  }

  /**
   * Which of the nodes, and which of their pods, are to make room. `podsOn`: what is on a node;
   * undefined when it is gone.
   */
  async preempt(
    pod: Pod,
    candidates: ReadonlyMap<string, NodeVictims>,
    podsOn: (node: string) => Iterable<PodInfo> | undefined,
  ): Promise<Map<string, NodeVictims>> {
    const meta = this.#config.nodeCacheCapable === true;
    const sent = Object.fromEntries(
      [...candidates].map(([node, { victims, violations }]) => [
        node,
        {
          Pods: victims.map((each) => (meta ? { UID: each.uid } : each.pod)),
          NumPDBViolations: violations,
        },
      ]),
    );
    const answer = record(
      await this.#send(this.#config.preemptVerb, {
        Pod: pod,
        NodeNameToVictims: meta ? null : sent,
        NodeNameToMetaVictims: meta ? sent : null,
      }),
    );
    const nodes = Object.entries((answer['nodenametometavictims'] ?? {}) as Loose);
    return new Map(
      nodes.map(([node, each]) => {
        const { pods, numpdbviolations } = record(each);
        const victims = ((pods ?? []) as readonly unknown[]).map((item) =>
          this.#victim(textOf(record(item)['uid']), node, podsOn),
        );
        return [node, { victims, violations: Number(numpdbviolations ?? 0) }];
      }),
    );
  }

  #victim(
    uid: string,
    node: string,
    podsOn: (node: string) => Iterable<PodInfo> | undefined,
  ): PodInfo {
    const pods = podsOn(node);
    if (pods === undefined)
      throw new Error(`nodeinfo not found for node name ${JSON.stringify(node)}`);
    for (const pod of pods) if (pod.uid === uid) return pod;
    throw new Error(
      `extender: ${this.name} claims to preempt pod (UID: &{${uid}}) on node: ${node}, but the pod is not found on that node`,
    );
  }

  #args(Pod: Pod, nodes: readonly Node[]): object {
    return this.#config.nodeCacheCapable === true
      ? { Pod, Nodes: null, NodeNames: nodes.map(({ metadata }) => metadata?.name) }
      : { Pod, Nodes: { metadata: {}, items: nodes }, NodeNames: null };
  }

  #namesIn(answer: Loose): string[] {
    const { nodenames, nodes } = answer;
    if (this.#config.nodeCacheCapable === true && Array.isArray(nodenames))
      return nodenames.map(String);
    const items = record(nodes ?? {})['items'] ?? [];
    return (items as readonly Node[]).map(({ metadata }) => metadata?.name ?? '');
  }

  async #send(verb: string | undefined, args: object): Promise<unknown> {
    const url = `${trimEndOf(this.name, (last) => last === '/')}/${verb ?? ''}`;
    const { pathname, search } = new URL(url);
    const { timers } = this.#options.environment;
    const late = new AbortController();
    const timer = timers.after(parseDuration(this.#config.httpTimeout) / 1e6, () =>
      late.abort(
        new Error('context deadline exceeded (Client.Timeout exceeded while awaiting headers)'),
      ),
    );
    try {
      const request = this.#options.handler({
        method: 'POST',
        url: pathname + search,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify(args)),
        signal: late.signal,
      });
      const { status, body } = await untilAborted(request, late.signal).catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        throw new Error(`Post ${JSON.stringify(url)}: ${why}`, { cause: error });
      });
      if (status !== 200)
        throw new Error(`failed ${verb ?? ''} with extender at URL ${url}, code ${status}`);
      const bytes = await untilAborted(readBody(body, ANSWER_BYTES_MAX), late.signal);
      return JSON.parse(Buffer.from(bytes).toString()) as unknown;
    } finally {
      timer.cancel();
    }
  }
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    work.then(resolve, reject);
  });
}

/** The members with names in lower case: Go reads names in any case. Empty for what is no object. */
function record(value: unknown): Loose {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name.toLowerCase(), member as unknown]),
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function reasons(value: unknown): ReadonlyMap<string, string> {
  return new Map(Object.entries((value ?? {}) as Loose).map(([node, why]) => [node, textOf(why)]));
}
