/**
 * Deployments of several priorities on few nodes that have not room for all.
 *
 *   while it runs   the Pods that are bound to a node never ask for more than it has, and none has
 *                   to make room but for one that is more important
 *   at the end      no Pod waits that has a place, or that may take the place of less important
 *                   ones, as `naive-fit.ts` sees it
 */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { NODE } from '#api/core/node.ts';
import { isPodActive, isPodReady, isPodTerminal } from '#api/core/pod-helpers.ts';
import { POD } from '#api/core/pod.ts';
import type { Deployment } from '#api/gen/apps-v1.ts';
import type { Node, Pod, PodSpec } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { PRIORITY_CLASS } from '#api/scheduling/priority-class.ts';
import { cpuMillisOf, placeFor } from './naive-fit.ts';
import type { Cast, Stage, StoreChange } from './stage.ts';

const PART = 'pressure';
const POOL = 'pool';
const PRIORITIES = [0, 100, 1_000] as const;
const GATE = { name: 'example.com/wait' };
const TAINT = { key: 'example.com/busy', effect: 'NoSchedule' } as const;
/** What has no place is tried again after five minutes, and its report may then count other nodes. */
const LEFTOVER_MS = 330_000;
const PREEMPTED = 'PreemptionByScheduler';
/** What a simulated node has. */
const NODE_MILLIS = 8_000;

export class Pressure implements Cast {
  readonly actions = [
    [4, () => this.#scale()],
    [3, () => this.#roll()],
    [2, () => this.#gated()],
    [2, () => this.#taint()],
    [1, () => this.#label()],
  ] as const;
  readonly #stage: Stage;
  readonly #bound = new Map<string, { readonly node: string; readonly millis: number }>();
  /** Pods without a node, by key: how important they are, and since when they have one. */
  readonly #waiting = new Map<string, { readonly priority: number; untilMs: number | undefined }>();
  readonly #preempted = new Set<string>();
  #gates = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async open(): Promise<void> {
    const { cluster, random } = this.#stage;
    for (const value of PRIORITIES)
      await cluster.create(PRIORITY_CLASS, {
        metadata: { name: `${PART}-${value}` },
        value,
        preemptionPolicy: 'PreemptLowerPriority',
      });
    for (const node of (await cluster.list(NODE)).slice(0, 4)) await this.#setPool(node, 'tight');
    for (const value of PRIORITIES) await this.#deploy(value, 1 + random.below(4));
  }

  async #deploy(priority: number, replicas: number): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const name = `p${priority}`;
    const cpu = String(1 + random.below(5));
    const isApart = random.chance(0.3);
    const hasPort = random.chance(0.2);
    say(`create ${name} replicas=${replicas} cpu=${cpu} apart=${isApart} port=${hasPort}`);
    const labels = { part: PART, app: name };
    const spec: PodSpec = {
      priorityClassName: `${PART}-${priority}`,
      nodeSelector: { [POOL]: 'tight' },
      containers: [
        {
          name: 'main',
          image: 'v1',
          resources: { requests: { cpu } },
          ...(hasPort ? { ports: [{ containerPort: 80, hostPort: 8_000 + priority }] } : {}),
        },
      ],
      ...(isApart
        ? {
            affinity: {
              podAntiAffinity: {
                requiredDuringSchedulingIgnoredDuringExecution: [
                  {
                    topologyKey: 'kubernetes.io/hostname',
                    labelSelector: { matchLabels: { app: name } },
                  },
                ],
              },
            },
          }
        : {}),
    };
    await cluster.create(DEPLOYMENT, {
      metadata: { name, namespace: 'default', labels: { part: PART } },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        // Over before the world is at rest: it is told, and told once.
        progressDeadlineSeconds: 120,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: '50%' } },
        template: { metadata: { labels }, spec },
      },
    });
  }

  disturb(): void {}

  saw({ resource, type, key, object }: StoreChange): void {
    if (resource !== 'pods') return;
    const pod: Pod = object;
    const node = pod.spec?.nodeName ?? '';
    this.#sawWaiting(key, type === 'put' && node === '' ? pod : undefined);
    this.#sawPreempted(pod);
    if (type === 'delete' || node === '' || isPodTerminal(pod)) {
      this.#bound.delete(key);
      return;
    }
    this.#bound.set(key, { node, millis: cpuMillisOf(pod) });
    let sum = 0;
    for (const other of this.#bound.values()) if (other.node === node) sum += other.millis;
    if (sum > NODE_MILLIS)
      this.#stage.violated(`Pods of ${node} ask for ${sum} of ${NODE_MILLIS}m cpu`);
  }

  #sawWaiting(key: string, pod: Pod | undefined): void {
    const known = this.#waiting.get(key);
    if (pod !== undefined)
      this.#waiting.set(key, { priority: pod.spec?.priority ?? 0, untilMs: undefined });
    else if (known !== undefined) known.untilMs ??= this.#stage.cluster.environment.elapsedMs;
  }

  #sawPreempted({ metadata, spec, status }: Pod): void {
    const { name, uid = '' } = metadata ?? {};
    const isVictim = status?.conditions?.some(({ reason }) => reason === PREEMPTED) === true;
    if (!isVictim || this.#preempted.has(uid)) return;
    this.#preempted.add(uid);
    const { cluster, lagMs, violated } = this.#stage;
    const sinceMs = cluster.environment.elapsedMs - lagMs;
    const reasons = [...this.#waiting.values()].filter(
      ({ priority, untilMs }) =>
        priority > (spec?.priority ?? 0) && (untilMs === undefined || untilMs >= sinceMs),
    );
    if (reasons.length === 0) violated(`${name} makes room, and nothing more important waits`);
  }

  async #some(): Promise<Deployment> {
    const { cluster, random } = this.#stage;
    const name = `p${random.pick(PRIORITIES)}`;
    return cluster.get(DEPLOYMENT, name, 'default');
  }

  async #scale(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const subject = await this.#some();
    const replicas = random.below(8);
    say(`scale ${subject.metadata?.name} to ${replicas}`);
    await cluster.patch(DEPLOYMENT, subject, { spec: { replicas } });
  }

  /** Pods of another size. */
  async #roll(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const subject = await this.#some();
    const cpu = String(1 + random.below(6));
    say(`roll ${subject.metadata?.name} to cpu=${cpu}`);
    const [main] = subject.spec?.template.spec?.containers ?? [];
    const containers = [{ ...main, resources: { requests: { cpu } } }];
    await cluster.patch(DEPLOYMENT, subject, { spec: { template: { spec: { containers } } } });
  }

  /** A Pod that waits at a gate, or all that wait are let through. */
  async #gated(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const waiting = (await cluster.list(POD, 'default')).filter(
      ({ spec }) => (spec?.schedulingGates ?? []).length > 0,
    );
    if (waiting.length > 0) return this.#open(waiting);
    const name = `gated-${++this.#gates}`;
    say(`create ${name}`);
    await cluster.create(POD, {
      metadata: { name, namespace: 'default', labels: { part: PART } },
      spec: {
        priorityClassName: `${PART}-${random.pick(PRIORITIES)}`,
        schedulingGates: [GATE],
        nodeSelector: { [POOL]: 'tight' },
        containers: [{ name: 'main', image: 'v1', resources: { requests: { cpu: '2' } } }],
      },
    });
  }

  async #open(waiting: readonly Pod[]): Promise<void> {
    for (const pod of waiting) {
      this.#stage.say(`let ${pod.metadata?.name} through`);
      await this.#stage.cluster.patch(POD, pod, { spec: { schedulingGates: null } });
    }
  }

  async #taint(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const nodes = await cluster.list(NODE);
    if (nodes.length === 0) return;
    const node = random.pick(nodes);
    const others = (node.spec?.taints ?? []).filter(({ key }) => key !== TAINT.key);
    const isTainted = others.length < (node.spec?.taints ?? []).length;
    say(`${isTainted ? 'untaint' : 'taint'} ${node.metadata?.name}`);
    await cluster
      .patch(NODE, node, {
        metadata: { resourceVersion: node.metadata?.resourceVersion },
        spec: { taints: isTainted ? others : [...others, TAINT] },
      })
      .catch(() => {});
  }

  /** Whoever else is in this world needs a node. */
  async #leavePlace(): Promise<void> {
    const { cluster, random } = this.#stage;
    const nodes = await cluster.list(NODE);
    const alive = nodes.filter(({ metadata }) => cluster.nodeNames.includes(metadata?.name ?? ''));
    if (alive.length > 0 && alive.every(isBusy))
      await cluster.patch(NODE, random.pick(alive), { spec: { taints: null } });
  }

  /** The pool gets a node. */
  async #label(): Promise<void> {
    const others = (await this.#stage.cluster.list(NODE)).filter(
      ({ metadata }) => metadata?.labels?.[POOL] === undefined,
    );
    if (others.length > 0) await this.#setPool(this.#stage.random.pick(others), 'tight');
  }

  async #setPool(node: KubeObject, pool: string): Promise<void> {
    this.#stage.say(`${node.metadata?.name} joins the pool`);
    await this.#stage.cluster.patch(NODE, node, { metadata: { labels: { [POOL]: pool } } });
  }

  async rest(): Promise<void> {
    await this.#leavePlace();
    const pods = await this.#stage.cluster.list(POD, 'default');
    await this.#open(pods.filter(({ spec }) => (spec?.schedulingGates ?? []).length > 0));
  }

  async waitForLast(): Promise<void> {
    const { cluster } = this.#stage;
    const isWaiting = (await cluster.list(POD, 'default')).some(({ spec }) => !spec?.nodeName);
    if (isWaiting) await cluster.advance(LEFTOVER_MS);
  }

  async checkEnd(pods: readonly Pod[]): Promise<readonly Pod[]> {
    const { cluster } = this.#stage;
    const mine = pods.filter(({ metadata }) => metadata?.labels?.['part'] === PART);
    const nodes = await cluster.list(NODE);
    const all = await cluster.list(POD);
    for (const pod of mine.filter(({ spec }) => !spec?.nodeName)) {
      const place = placeFor(pod, nodes, all);
      if (place !== undefined) throw new Error(`${pod.metadata?.name} waits, and ${place}`);
    }
    for (const { metadata, spec } of await cluster.list(DEPLOYMENT, 'default')) {
      if (metadata?.labels?.['part'] !== PART) continue;
      const own = mine.filter((pod) => pod.metadata?.labels?.['app'] === metadata.name);
      const live = own.filter(isPodActive).filter((pod) => !pod.spec?.nodeName || isPodReady(pod));
      if (live.length !== spec?.replicas)
        throw new Error(`${metadata.name} has ${live.length} Pods of ${spec?.replicas}`);
    }
    return mine;
  }
}

function isBusy({ spec }: Node): boolean {
  return (spec?.taints ?? []).some(({ key }) => key === TAINT.key);
}
