/** What happens to any world, whatever runs in it: processes end, nodes die or are drained, clocks jump. */
import { NODE } from '#api/core/node.ts';
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { StatusError } from '#api/meta/status.ts';
import type { ComponentName } from '#kit/control-plane.ts';
import type { Action, Stage } from './stage.ts';

const COMPONENTS: readonly ComponentName[] = ['kube-controller-manager', 'kube-scheduler'];
/** A drain asks again for Pods that a budget keeps, so often and so long apart. */
const DRAIN_TRIES = 4;
const DRAIN_PAUSE_MS = 5_000;
/** Long enough that a leader gives up (10 s), or that another may take over (15 s). */
const CUT_OFF_MS_MAX = 30_000;
/** No other has this name: those of small worlds have less, those that come later more. */
const LAST_NODE = 'node-9';
const JUMP_MS_MAX = 7_200_000;
/** NTP sets a clock back, too, but never by much. */
const JUMP_BACK_MS_MAX = 60_000;

export class Mishaps {
  readonly actions: readonly Action[];
  readonly #stage: Stage;

  constructor(stage: Stage, facts: { readonly hasCandidates: boolean }) {
    this.#stage = stage;
    this.actions = [
      [2, () => this.#deletePod()],
      [2, () => this.#restartComponents()],
      [1, () => this.#restartApiServer()],
      [1, () => this.#killNode()],
      [1, () => this.#startNode()],
      [1, () => this.#drain()],
      [1, () => this.#uncordon()],
      [1, () => this.#jump()],
      ...(facts.hasCandidates ? ([[4, () => this.#troubleLeader()]] as const) : []),
    ];
  }

  /** Nothing goes wrong any more: nodes take Pods again, and there is room for all of them. */
  async rest(): Promise<void> {
    await this.#uncordonAll();
    // One node alone has none for more than a hundred Pods of one Service and those of others.
    if (this.#stage.cluster.nodeNames.length < 2) this.#stage.cluster.startNode(LAST_NODE);
  }

  async #uncordonAll(): Promise<void> {
    for (const node of await this.#stage.cluster.list(NODE))
      if (node.spec?.unschedulable === true)
        await this.#stage.cluster.patch(NODE, node, { spec: { unschedulable: null } });
  }

  async #deletePod(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const pods = await cluster.list(POD, 'default');
    if (pods.length === 0) return;
    const victim = random.pick(pods);
    this.#stage.disturb('loss');
    say(`delete pod ${victim.metadata?.name}`);
    await cluster.delete(POD, victim).catch(unlessGone);
  }

  async #restartComponents(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const name = random.pick([undefined, ...COMPONENTS]);
    say(`restart ${name ?? 'controllers and scheduler'}`);
    await cluster.startComponents(name);
  }

  async #troubleLeader(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const name = random.pick(COMPONENTS);
    const how = random.pick(['kill', 'all', 'lease', 'lease'] as const);
    const forMs = random.below(CUT_OFF_MS_MAX);
    say(how === 'kill' ? `kill the leading ${name}` : `cut ${name} off (${how}) for ${forMs} ms`);
    if (how === 'kill') await cluster.killLeader(name);
    else cluster.cutOffLeader(name, forMs, how);
  }

  async #restartApiServer(): Promise<void> {
    this.#stage.say('restart API server');
    await this.#stage.cluster.restartApiServer();
  }

  async #killNode(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const names = cluster.nodeNames;
    if (names.length < 2) return;
    const name = random.pick(names);
    this.#stage.disturb('loss');
    this.#stage.isUndisturbed = false;
    say(`kill ${name}`);
    cluster.killNode(name);
    // Half of the time it is known to be gone for good; one that has just been started may not be there.
    if (random.chance(0.5)) await cluster.delete(NODE, { metadata: { name } }).catch(unlessGone);
  }

  #startNode(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const name = `node-${10 + random.below(20)}`;
    if (!cluster.nodeNames.includes(name)) {
      say(`start ${name}`);
      cluster.startNode(name);
    }
    return Promise.resolve();
  }

  /** As `kubectl drain` does it: no new Pods, and evictions as the budgets allow. */
  async #drain(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const nodes = await cluster.list(NODE);
    if (nodes.length < 2) return;
    const node = random.pick(nodes);
    const name = node.metadata?.name ?? '';
    say(`drain ${name}`);
    this.#stage.disturb('eviction');
    await cluster.patch(NODE, node, { spec: { unschedulable: true } });
    for (let tries = 0; tries < DRAIN_TRIES; tries++) {
      const left = (await cluster.list(POD)).filter((pod) => mayBeEvicted(pod, name));
      if (left.length === 0) return;
      const codes: string[] = [];
      for (const pod of left) codes.push(await this.#evict(pod));
      say(`evict ${left.map(({ metadata }) => metadata?.name).join()}: ${codes.join()}`);
      await cluster.advance(DRAIN_PAUSE_MS);
      this.#stage.disturb('eviction');
    }
  }

  async #evict({ metadata }: Pod): Promise<string> {
    const target = { name: metadata?.name ?? '', namespace: metadata?.namespace ?? '' };
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: target };
    const { cluster } = this.#stage;
    try {
      await cluster.run(cluster.client.createSubresource(POD, target, 'eviction', body));
      return 'gone';
    } catch (error) {
      if (error instanceof StatusError) return String(error.status.code);
      throw error;
    }
  }

  async #uncordon(): Promise<void> {
    this.#stage.say('uncordon all nodes');
    await this.#uncordonAll();
  }

  #jump(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const isBack = random.chance(0.25);
    const ms = isBack ? -random.below(JUMP_BACK_MS_MAX) : random.below(JUMP_MS_MAX);
    say(`the wall clock jumps by ${ms} ms`);
    if (isBack) this.#stage.setClockBack(-ms);
    else cluster.environment.setWallClock(ms);
    return Promise.resolve();
  }
}

function mayBeEvicted(pod: Pod, node: string): boolean {
  return (
    pod.spec?.nodeName === node &&
    !isPodTerminal(pod) &&
    pod.metadata?.deletionTimestamp === undefined &&
    controllerOf(pod)?.kind !== 'DaemonSet'
  );
}

/** Others take things away too. */
export function unlessGone(error: unknown): void {
  if (!(error instanceof StatusError) || error.status.code !== 404) throw error;
}
