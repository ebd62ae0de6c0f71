/**
 * Pods that bear taints for ever, for a time, or not at all, on nodes that get them.
 *
 *   while it runs   no Pod is driven out that bears all taints of its node, or before its time
 *   at the end      a tainted node loses those that do not bear it, and keeps those that do
 */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { NODE } from '#api/core/node.ts';
import { isPodActive, isPodReady } from '#api/core/pod-helpers.ts';
import { POD } from '#api/core/pod.ts';
import { tolerates } from '#api/core/taints.ts';
import type { Node, Pod, Taint, Toleration } from '#api/gen/core-v1.ts';
import { unlessGone } from './mishaps.ts';
import type { Cast, Stage, StoreChange } from './stage.ts';

const PART = 'tainted';
const KEYS = ['example.com/out', 'example.com/off'] as const;
const SECONDS_MAX = 60;
/** Longer than any Pod bears a taint, and than its replacement takes. */
const LAST_MS = 120_000;
const DRIVEN_OUT = 'DeletionByTaintManager';

interface Period {
  /** Since when the node has always had some taint, as far as anybody may have seen. */
  sinceMs: number;
  readonly taints: Map<string, { readonly taint: Taint; untilMs: number | undefined }>;
}

export class Taints implements Cast {
  readonly actions = [
    [5, () => this.#taint()],
    [2, () => this.#untaint()],
    [2, () => this.#scale()],
  ] as const;
  readonly #stage: Stage;
  readonly #periods = new Map<string, Period>();
  readonly #boundMs = new Map<string, number>();
  readonly #driven = new Set<string>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async open(): Promise<void> {
    const { random } = this.#stage;
    await this.#deploy('frail', []);
    await this.#deploy('tough', [{ operator: 'Exists' }]);
    const seconds = 1 + random.below(SECONDS_MAX);
    await this.#deploy('patient', [{ operator: 'Exists', tolerationSeconds: seconds }]);
    await this.#deploy('choosy', [
      { key: KEYS[0], operator: 'Exists', tolerationSeconds: 1 + random.below(SECONDS_MAX) },
      { key: KEYS[1], operator: 'Exists' },
    ]);
  }

  async #deploy(name: string, tolerations: readonly Toleration[]): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const labels = { part: PART, app: name };
    const containers = [{ name: 'main', image: 'v1' }];
    const bearing = tolerations.map((each) => ({ ...each, effect: 'NoExecute' as const }));
    say(`create ${name} ${JSON.stringify(tolerations)}`);
    await cluster.create(DEPLOYMENT, {
      metadata: { name, namespace: 'default' },
      spec: {
        replicas: 1 + random.below(3),
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers, tolerations: bearing } },
      },
    });
  }

  disturb(): void {}

  saw({ resource, type, object }: StoreChange): void {
    if (resource === 'minions') this.#sawNode(type, object as Node);
    if (resource !== 'pods') return;
    const pod: Pod = object;
    const { uid = '' } = pod.metadata ?? {};
    const { elapsedMs } = this.#stage.cluster.environment;
    if (pod.spec?.nodeName && !this.#boundMs.has(uid)) this.#boundMs.set(uid, elapsedMs);
    const isDriven = pod.status?.conditions?.some(({ reason }) => reason === DRIVEN_OUT) === true;
    if (!isDriven || this.#driven.has(uid)) return;
    this.#driven.add(uid);
    if (!this.#mayBeDriven(pod)) this.#stage.violated(`${pod.metadata?.name} is driven out`);
  }

  #sawNode(type: StoreChange['type'], { metadata, spec }: Node): void {
    const { elapsedMs } = this.#stage.cluster.environment;
    const period = this.#periods.get(metadata?.name ?? '') ?? {
      sinceMs: elapsedMs,
      taints: new Map(),
    };
    const now = type === 'delete' ? [] : (spec?.taints ?? []);
    const found = new Map(
      now.filter(({ effect }) => effect === 'NoExecute').map((taint) => [taint.key, taint]),
    );
    if (![...period.taints.values()].some((each) => this.#maySee(each))) {
      period.sinceMs = elapsedMs;
      period.taints.clear();
    }
    for (const [key, known] of period.taints) if (!found.has(key)) known.untilMs ??= elapsedMs;
    for (const [key, taint] of found) period.taints.set(key, { taint, untilMs: undefined });
    this.#periods.set(metadata?.name ?? '', period);
  }

  /** It is there, or somebody may not have heard yet that it is not. */
  #maySee({ untilMs }: { readonly untilMs: number | undefined }): boolean {
    const { cluster, lagMs } = this.#stage;
    return untilMs === undefined || untilMs + lagMs >= cluster.environment.elapsedMs;
  }

  #mayBeDriven({ metadata, spec }: Pod): boolean {
    const period = this.#periods.get(spec?.nodeName ?? '');
    if (period === undefined) return false;
    const { elapsedMs } = this.#stage.cluster.environment;
    const sinceMs = Math.max(period.sinceMs, this.#boundMs.get(metadata?.uid ?? '') ?? 0);
    return [...period.taints.values()].some((each) => {
      if (!this.#maySee(each)) return false;
      const seconds = secondsBorne(spec?.tolerations, each.taint);
      return elapsedMs >= sinceMs + seconds * 1000;
    });
  }

  async #taint(): Promise<void> {
    const { cluster, random } = this.#stage;
    const nodes = await cluster.list(NODE);
    if (nodes.length === 0) return;
    const node = random.pick(nodes);
    const key = random.pick(KEYS);
    const { taints = [] } = node.spec ?? {};
    const isTainted = taints.some((taint) => taint.key === key);
    if (isTainted)
      return this.#set(
        node,
        taints.filter((taint) => taint.key !== key),
      );
    // Anybody's Pods may be there.
    this.#stage.disturb('loss');
    this.#stage.isUndisturbed = false;
    await this.#set(node, [...taints, { key, effect: 'NoExecute' }]);
  }

  async #set(node: Node, taints: readonly Taint[]): Promise<void> {
    const { cluster, say } = this.#stage;
    const { name, resourceVersion } = node.metadata ?? {};
    say(`${name} has taints ${taints.map(({ key }) => key).join()}`);
    await cluster
      .patch(NODE, node, { metadata: { resourceVersion }, spec: { taints } })
      .catch(() => {});
  }

  async #untaint(): Promise<void> {
    for (const node of await this.#stage.cluster.list(NODE)) {
      const taints = (node.spec?.taints ?? []).filter(
        ({ key }) => !KEYS.some((our) => our === key),
      );
      if (taints.length < (node.spec?.taints ?? []).length) await this.#set(node, taints);
    }
  }

  async #scale(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const name = random.pick(['frail', 'tough', 'patient', 'choosy']);
    const replicas = 1 + random.below(4);
    say(`scale ${name} to ${replicas}`);
    const subject = { metadata: { name, namespace: 'default' } };
    await cluster.patch(DEPLOYMENT, subject, { spec: { replicas } }).catch(unlessGone);
  }

  rest(): Promise<void> {
    return this.#untaint();
  }

  /** Once more, now that nothing else goes wrong. */
  async waitForLast(): Promise<void> {
    const { cluster, random, violated } = this.#stage;
    const [key] = KEYS;
    const node = random.pick(await cluster.list(NODE));
    const name = node.metadata?.name;
    const before = await this.#podsOn(name);
    // The Pods of the others go as well.
    this.#stage.disturb('loss');
    this.#stage.isUndisturbed = false;
    await this.#set(node, [...(node.spec?.taints ?? []), { key, effect: 'NoExecute' }]);
    await cluster.advance(LAST_MS);
    const left = new Set((await this.#podsOn(name)).map(({ metadata }) => metadata?.uid));
    for (const pod of before) {
      const stays = left.has(pod.metadata?.uid);
      if (stays !== staysWith(pod, key))
        violated(`${pod.metadata?.name} ${stays ? 'is still' : 'is not any more'} on ${name}`);
    }
    await this.#untaint();
    await cluster.advance(LAST_MS);
    this.#stage.isUndisturbed = true;
  }

  async #podsOn(node: string | undefined): Promise<Pod[]> {
    const pods = await this.#stage.cluster.list(POD, 'default');
    return pods.filter(
      ({ metadata, spec }) => metadata?.labels?.['part'] === PART && spec?.nodeName === node,
    );
  }

  async checkEnd(pods: readonly Pod[]): Promise<readonly Pod[]> {
    const mine = pods.filter(({ metadata }) => metadata?.labels?.['part'] === PART);
    for (const { metadata, spec } of await this.#stage.cluster.list(DEPLOYMENT, 'default')) {
      if (spec?.template.metadata?.labels?.['part'] !== PART) continue;
      const own = mine.filter((pod) => pod.metadata?.labels?.['app'] === metadata?.name);
      const good = own.filter((pod) => isPodActive(pod) && isPodReady(pod));
      if (good.length !== spec.replicas)
        throw new Error(`${metadata?.name} has ${good.length} Pods of ${spec.replicas}`);
    }
    return mine;
  }
}

/** How long a taint is borne: 0, some seconds, or for ever. */
function secondsBorne(tolerations: readonly Toleration[] = [], taint: Taint): number {
  const bearing = tolerations.filter((toleration) => tolerates(toleration, taint));
  const [first] = bearing;
  if (first === undefined) return 0;
  return Math.max(0, first.tolerationSeconds ?? Number.POSITIVE_INFINITY);
}

function staysWith({ spec }: Pod, key: string): boolean {
  const seconds = secondsBorne(spec?.tolerations, { key, effect: 'NoExecute' });
  return seconds === Number.POSITIVE_INFINITY;
}
