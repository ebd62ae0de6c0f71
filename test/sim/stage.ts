/** What a simulated world is made of: one stage, and on it a cast for each kind of workload. */
import type { KubeObject } from '#api/meta/object.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { TestCluster } from '#kit/cluster.ts';
import type { SeededRandom } from '#base/virtual/seeded-random.ts';

export interface Stage {
  readonly cluster: TestCluster;
  /** What users do is drawn from it. */
  readonly random: SeededRandom;
  /**
   * No node has died: its Pods would be lost at a time that nobody knows. And no Pod became ready at a
   * time that is still to come: with minReadySeconds it is taken for one that is not available.
   */
  isUndisturbed: boolean;
  /** So far may a controller be behind what is so, by what its watches and writes take. */
  readonly lagMs: number;
  /** Something comes that may cost anybody Pods. */
  readonly disturb: (by: Disturbance) => void;
  /** The wall clock says so much less from now on. */
  readonly setClockBack: (ms: number) => void;
  /** Tells what happens. */
  readonly say: (text: string) => void;
  /** A promise was broken, now. */
  readonly violated: (text: string) => void;
}

/** A change in the store, decoded. */
export interface StoreChange {
  /** `pods` */
  readonly resource: string;
  readonly type: 'put' | 'delete';
  /** `namespace/name` */
  readonly key: string;
  /** Of a deletion the last state. */
  readonly object: KubeObject;
}

export type Action = readonly [weight: number, act: () => Promise<void>];

/** Pods are taken away, or only asked to go, as their budgets allow. */
export type Disturbance = 'loss' | 'eviction';

/** The users of one kind of workload, and what they were promised. */
export interface Cast {
  /** Makes what is there from the beginning. */
  open(): Promise<void>;
  readonly actions: readonly Action[];
  /** Something comes that may cost anybody Pods: what was promised of this moment holds no more. */
  disturb(by: Disturbance): void;
  /** Nothing is to happen any more: takes back what would keep the world from coming to rest. */
  rest?(): Promise<void>;
  /** Nothing breaks any more: goes on until nothing more is to be expected. */
  waitForLast?(): Promise<void>;
  /** Each change, in the order of the store. */
  saw(change: StoreChange): void;
  /** When all has come to rest. Answers which of the Pods there have to be; throws what is wrong. */
  checkEnd(pods: readonly Pod[]): Promise<readonly Pod[]>;
}

/** One of the actions, by their weights. */
export async function actOnce(random: SeededRandom, actions: readonly Action[]): Promise<void> {
  let draw = random.below(actions.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, act] of actions) {
    draw -= weight;
    if (draw < 0) return act();
  }
}
