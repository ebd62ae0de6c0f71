/**
 * How fast nodes are given up, zone by zone: when many nodes of a zone go at once, it is more
 * likely that we cannot see them than that they are dead, and evicting their Pods would do harm.
 *
 *   Normal              one node every ten seconds
 *   PartialDisruption   55 % and more than two gone: slower in large zones, not at all in small ones
 *   FullDisruption      all gone, and so is every other zone: nobody is evicted
 *
 * Pure state; time comes in with each call. Upstream: handleDisruption and its helpers in
 * pkg/controller/nodelifecycle/node_lifecycle_controller.go, v1.36.
 */
import type { Node } from '#api/gen/core-v1.ts';

export type ZoneState = 'Initial' | 'Normal' | 'PartialDisruption' | 'FullDisruption';

const EVICTIONS_PER_SECOND = 0.1;
const SLOW_EVICTIONS_PER_SECOND = 0.01;
const LARGE_ZONE_NODES = 50;
const UNHEALTHY_RATIO = 0.55;
const BURST = 1;

export function zoneOf(node: Node): string {
  const labels = node.metadata?.labels ?? {};
  const region = labels['topology.kubernetes.io/region'] ?? '';
  const zone = labels['topology.kubernetes.io/zone'] ?? '';
  return region === '' && zone === '' ? '' : `${region}:\u0000:${zone}`;
}

interface Zone {
  state: ZoneState;
  perSecond: number;
  tokens: number;
  atMs: number;
  /** Nodes to be tainted, in the order in which they failed. */
  readonly waiting: Set<string>;
}

export interface DisruptionChange {
  /** All zones have just gone dark: taints are taken off again. */
  readonly entersFullDisruption: boolean;
  /** Some nodes are back: every node gets its full grace again. */
  readonly leavesFullDisruption: boolean;
}

export class Zones {
  readonly #zones = new Map<string, Zone>();

  /** Adds `node` to those to be tainted in `zone`. */
  add(zone: string, node: string, nowMs: number): void {
    this.#zone(zone, nowMs).waiting.add(node);
  }

  remove(zone: string, node: string): void {
    this.#zones.get(zone)?.waiting.delete(node);
  }

  /** Nodes that may be tainted now; each costs a token. */
  take(nowMs: number): string[] {
    const taken: string[] = [];
    for (const zone of this.#zones.values()) {
      refill(zone, nowMs);
      for (const node of zone.waiting) {
        if (zone.tokens < 1) break;
        zone.tokens -= 1;
        zone.waiting.delete(node);
        taken.push(node);
      }
    }
    return taken;
  }

  /** `readiness`: for each zone, whether each of its nodes is ready. */
  update(readiness: ReadonlyMap<string, readonly boolean[]>, nowMs: number): DisruptionChange {
    const states = new Map([...readiness].map(([zone, nodes]) => [zone, stateOf(nodes)]));
    for (const name of readiness.keys()) this.#zone(name, nowMs);
    for (const name of this.#zones.keys()) if (!readiness.has(name)) this.#zones.delete(name);
    const allDark = [...states.values()].every((state) => state === 'FullDisruption');
    const wereDark = [...this.#zones.values()].every(({ state }) => state === 'FullDisruption');
    if (allDark && wereDark) return { entersFullDisruption: false, leavesFullDisruption: false };
    for (const [name, zone] of this.#zones) {
      const state = states.get(name) ?? 'Normal';
      if (zone.state === state && !allDark && !wereDark) continue;
      refill(zone, nowMs);
      zone.state = state;
      zone.perSecond = allDark ? 0 : rateOf(state, readiness.get(name)?.length ?? 0);
      if (zone.perSecond === 0) zone.tokens = 0;
    }
    return { entersFullDisruption: allDark, leavesFullDisruption: wereDark };
  }

  stateOf(zone: string): ZoneState | undefined {
    return this.#zones.get(zone)?.state;
  }

  #zone(name: string, nowMs: number): Zone {
    let zone = this.#zones.get(name);
    if (zone === undefined) {
      const perSecond = EVICTIONS_PER_SECOND;
      zone = { state: 'Initial', perSecond, tokens: BURST, atMs: nowMs, waiting: new Set() };
      this.#zones.set(name, zone);
    }
    return zone;
  }
}

function refill(zone: Zone, nowMs: number): void {
  zone.tokens = Math.min(BURST, zone.tokens + ((nowMs - zone.atMs) / 1000) * zone.perSecond);
  zone.atMs = nowMs;
}

function stateOf(ready: readonly boolean[]): ZoneState {
  const notReady = ready.filter((is) => !is).length;
  if (notReady > 0 && notReady === ready.length) return 'FullDisruption';
  if (notReady > 2 && notReady / ready.length >= UNHEALTHY_RATIO) return 'PartialDisruption';
  return 'Normal';
}

function rateOf(state: ZoneState, size: number): number {
  if (state !== 'PartialDisruption') return EVICTIONS_PER_SECOND;
  return size > LARGE_ZONE_NODES ? SLOW_EVICTIONS_PER_SECOND : 0;
}
