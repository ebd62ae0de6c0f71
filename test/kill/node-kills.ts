/**
 * Each process of a node is killed while a Deployment grows from nothing, and while it is rolled out.
 * Every time the node has to come to the state that was asked for, with no container twice, none
 * started again without cause, no address lost, and nothing left when the pods are gone.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Pod } from '../../src/api/gen/core-v1.ts';
import { SeededRandom } from '../../src/base/virtual/seeded-random.ts';
import { type DataDirectory, dataDirectoryAt } from '../../src/cli/data-directory.ts';
import { runningPid } from '../../src/cli/supervisor.ts';
import {
  eventually,
  type Product,
  removeDirectory,
  startProduct,
  temporaryDirectory,
} from '../e2e/product.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { importBusyboxTo } from '../e2e/real-cluster.ts';
import { type NodeState, readNodeState, sizesOf } from './node-state.ts';

export const VICTIMS = ['node', 'control-plane', 'containerd', 'shim', 'supervisor'] as const;
export type Victim = (typeof VICTIMS)[number];

export interface NodeKillOptions {
  readonly victims: readonly Victim[];
  /** Of each victim. */
  readonly rounds: number;
  readonly pods: number;
  readonly seed: number;
  readonly tell: (line: string) => void;
}

/** A kill comes at any moment up to this, counted from the change. */
const MOMENT_MAX_MS = 4_000;
const CONVERGE_MS = 120_000;
const NAME = 'load';

/** Rejects with the first thing that is not as it has to be. Needs root, Linux and kubectl. */
export async function runNodeKills(options: NodeKillOptions): Promise<void> {
  const directory = temporaryDirectory();
  const dataDirectory = join(directory, 'data');
  const cluster = new KilledCluster(dataDirectory, options);
  try {
    await cluster.start();
    for (const victim of options.victims)
      for (let round = 1; round <= options.rounds; round++) await cluster.round(victim, round);
  } finally {
    await cluster.stop();
    removeDirectory(directory);
  }
}

class KilledCluster {
  readonly #options: NodeKillOptions;
  readonly #data: DataDirectory;
  readonly #random: SeededRandom;
  #product: Product | undefined;
  #version = 0;

  constructor(dataDirectory: string, options: NodeKillOptions) {
    this.#options = options;
    this.#data = dataDirectoryAt(dataDirectory);
    this.#random = new SeededRandom(options.seed);
  }

  /** Also once more, over what a supervisor left running that was killed. */
  async start(): Promise<void> {
    this.#product = await startProduct(['--example', 'none'], { dataDirectory: this.#data.path });
    await importBusyboxTo(this.#data, this.#data.images);
    await this.#ok('wait --for=condition=Ready node --all --timeout=60s');
  }

  async stop(): Promise<void> {
    await this.#product?.stop();
  }

  async round(victim: Victim, round: number): Promise<void> {
    const { pods, tell } = this.#options;
    const beganMs = Date.now();
    if (round === 1) await this.#create();
    const scaled = await this.#during(victim, () =>
      this.#ok(`scale deployment ${NAME} --replicas=${pods}`),
    );
    await this.#converges(pods, scaled);
    const rolled = await this.#during(victim, () => this.#rollOut());
    await this.#converges(pods, rolled);
    await this.#ok(`scale deployment ${NAME} --replicas=0`);
    await this.#leavesNothing();
    const seconds = ((Date.now() - beganMs) / 1000).toFixed(1);
    tell(`${victim}, round ${round}: killed twice, ${pods} pods each time, ${seconds} s`);
  }

  async #create(): Promise<void> {
    const labels = { app: NAME };
    const manifest = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: NAME },
      spec: {
        replicas: 0,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [{ name: 'main', image: BUSYBOX, command: ['sleep', '1000000'] }],
          },
        },
      },
    };
    await eventually(() => this.#ok('apply -f -', JSON.stringify(manifest)));
  }

  #rollOut(): Promise<string> {
    this.#version++;
    const annotations = { version: String(this.#version) };
    const patch = { spec: { template: { metadata: { annotations } } } };
    return this.#ok(['patch', 'deployment', NAME, '-p', JSON.stringify(patch)]);
  }

  /** Makes the change, and kills within it. Answers what ran at that moment, and what may end by it. */
  async #during(victim: Victim, change: () => Promise<unknown>): Promise<Killed> {
    await change();
    await pause(this.#random.below(MOMENT_MAX_MS));
    const before = await readNodeState(this.#data);
    const lost = victim === 'shim' ? this.#killShim(before) : [];
    if (victim === 'supervisor') await this.#killSupervisor();
    else if (victim !== 'shim') {
      const pid = runningPid(this.#data.run, victim);
      assert.ok(pid !== undefined, `${victim} does not run`);
      process.kill(pid, 'SIGKILL');
    }
    return { before, lost };
  }

  /** Answers the uids of the pods that may be hit: nobody says which pod a shim keeps. */
  #killShim({ running, shims }: NodeState): readonly string[] {
    if (shims.length === 0) return [];
    process.kill(this.#random.pick(shims), 'SIGKILL');
    return [...new Set(running.values())];
  }

  async #killSupervisor(): Promise<void> {
    const child = this.#product?.process;
    if (child?.pid === undefined) throw new Error('The supervisor does not run');
    const gone = new Promise((resolve) => child.once('exit', resolve));
    // The whole group: what npm's start puts in between, too.
    process.kill(-child.pid, 'SIGKILL');
    await gone;
    await this.start();
  }

  async #converges(pods: number, { before, lost }: Killed): Promise<void> {
    let problem = '';
    await eventually(async () => {
      problem = await this.#differs(pods);
      return problem === '' ? true : undefined;
    }, CONVERGE_MS).catch((error: unknown) => {
      throw new Error(`It did not come to rest: ${problem}`, { cause: error });
    });
    const after = await readNodeState(this.#data);
    const alive = new Set((await this.#pods()).map(({ metadata }) => metadata?.uid ?? ''));
    const restarted = [...before.running]
      .filter(([id, uid]) => alive.has(uid) && !after.running.has(id))
      .map(([, uid]) => uid);
    // A shim keeps one pod.
    const allowed = lost.length === 0 ? 0 : 1;
    assert.ok(restarted.length <= allowed, `started again: ${restarted.join(', ')}`);
  }

  /** What is not yet so; empty: everything is. */
  async #differs(count: number): Promise<string> {
    const pods = await this.#pods();
    if (pods.length !== count) return `${pods.length} pods`;
    const version = this.#version === 0 ? undefined : String(this.#version);
    const old = pods.filter(({ metadata }) => metadata?.annotations?.['version'] !== version);
    if (old.length > 0) return `${old.length} pods of before`;
    const ready = pods.filter(({ status }) =>
      status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    );
    if (ready.length !== count) return `${ready.length} pods are ready`;
    const state = await readNodeState(this.#data);
    const uids = pods.map(({ metadata }) => metadata?.uid ?? '').toSorted();
    if (String(state.sandboxes.toSorted()) !== String(uids))
      return `${state.sandboxes.length} sandboxes for ${uids.length} pods`;
    if (String([...state.running.values()].toSorted()) !== String(uids))
      return `${state.running.size} containers for ${uids.length} pods`;
    const addresses = pods.map(({ status }) => status?.podIP ?? '').toSorted();
    if (new Set(addresses).size !== count) return 'two pods with one address';
    if (String(state.addresses.toSorted()) !== String(addresses))
      return `${state.addresses.length} addresses for ${count} pods`;
    if (state.cables !== count) return `${state.cables} cables for ${count} pods`;
    return state.shims.length === count ? '' : `${state.shims.length} shims for ${count} pods`;
  }

  async #leavesNothing(): Promise<void> {
    let left = '';
    await eventually(async () => {
      const pods = await this.#pods();
      const state = await readNodeState(this.#data);
      left = `${pods.length} pods, ${JSON.stringify(sizesOf(state))}`;
      const isClean = Object.values(sizesOf(state)).every((size) => size === 0);
      return isClean && pods.length === 0 ? true : undefined;
    }, CONVERGE_MS).catch((error: unknown) => {
      throw new Error(`Something is left: ${left}`, { cause: error });
    });
  }

  async #pods(): Promise<readonly Pod[]> {
    const { items } = JSON.parse(await this.#ok('get pods -o json')) as { items: readonly Pod[] };
    return items;
  }

  /** The control plane may be the one that was killed. */
  #ok(command: readonly string[] | string, input?: string): Promise<string> {
    const product = this.#product;
    if (product === undefined) throw new Error('The product does not run');
    return eventually(() => product.ok(command, input));
  }
}

interface Killed {
  readonly before: NodeState;
  /** Pods of which one may have lost its container by the kill. */
  readonly lost: readonly string[];
}
