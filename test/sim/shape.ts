/** What a simulated world is like before anything happens in it. */
import { type Faults, NO_FAULTS } from '#kit/faults.ts';
import type { SeededRandom } from '#base/virtual/seeded-random.ts';
import type { PodDelays } from '#kubelet/simulated/simulated-pod.ts';

export interface Shape {
  readonly nodes: number;
  readonly nodeLeaseDurationSeconds: number;
  readonly delays: PodDelays;
  /** Of each component; 0: one, without leader election. */
  readonly candidates: number;
  readonly faults: Faults;
}

const FAULTS: Faults = {
  ...NO_FAULTS,
  latencyMsMax: 20,
  writeFailureRatio: 0.05,
  watchDelayMsMax: 300,
  watchBreakRatio: 0.01,
};
/** One kind is far behind the others. */
const STALLS = { watchStallRatio: 0.03, watchStallMsMax: 8_000 };
const SLOW_WRITES = { slowWriteRatio: 0.05, slowWriteMsMax: 4_000 };
const ZONES = 3;
/** The others have so few nodes that Pods are in each other's way. */
const LARGE_RATIO = 0.75;
const LARGE_MIN = 20;
const LARGE_MAX = 200;
const LEASE_SECONDS = 40;
/**
 * Most of what goes on among many nodes is renewals, every quarter of this: a slow one that is seen
 * late is still within the 50 s of grace.
 */
const LARGE_LEASE_SECONDS = 120;
/** A few requests, and a back-off. */
const LAG_MIN_MS = 2_000;
const ELECTION_RATIO = 0.2;
const FAULT_RATIO = 0.3;

export function drawShape(random: SeededRandom, nodes?: number): Shape {
  const delays = {
    startMs: random.below(800),
    readyMs: random.below(1_500),
    stopMs: random.below(2_000),
  };
  const count = nodes ?? (random.chance(LARGE_RATIO) ? large(random) : 2 + random.below(3));
  return {
    delays,
    nodes: count,
    nodeLeaseDurationSeconds: count < LARGE_MIN ? LEASE_SECONDS : LARGE_LEASE_SECONDS,
    candidates: random.chance(ELECTION_RATIO) ? 2 : 0,
    faults: {
      ...FAULTS,
      ...(random.chance(FAULT_RATIO) ? STALLS : {}),
      ...(random.chance(FAULT_RATIO) ? SLOW_WRITES : {}),
    },
  };
}

/** 20 to 200, half of them below 36: the time that a world takes grows with its nodes. */
function large(random: SeededRandom): number {
  return Math.round(LARGE_MIN * (LARGE_MAX / LARGE_MIN) ** (random.next() ** 2));
}

/** How late a controller may hear of something, or act on it. */
export function lagOf(faults: Faults): number {
  const { watchDelayMsMax, watchStallMsMax, slowWriteMsMax } = faults;
  return LAG_MIN_MS + watchDelayMsMax + watchStallMsMax + slowWriteMsMax;
}

/** The labels of the node of this name. */
export function zoneOf(name: string): Readonly<Record<string, string>> {
  const number = Number(/\d+$/.exec(name)?.[0] ?? 0);
  return { 'topology.kubernetes.io/zone': `zone-${number % ZONES}` };
}
