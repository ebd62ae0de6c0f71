/**
 * Worlds by chance: after each change the tables that were brought there step by step are those that
 * a fresh start writes, what was written was no more than the difference, and pairs by chance reach
 * each other where the oracle says so. A seed is a world.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startEnforcers } from '#kit/network-policy/enforcers.ts';
import type { PolicyKernel } from '#kit/network-policy/kernel.ts';
import { type End, isAllowed } from '#kit/network-policy/oracle.ts';
import { RandomWorld } from '#kit/network-policy/random-world.ts';
import { WorldServer } from '#kit/network-policy/server.ts';
import { OUTSIDE } from '#kit/network-policy/shapes.ts';
import type { PolicyWorld } from '#kit/network-policy/world.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';

const NODES = ['n1', 'n2'];
const WORLDS = 200;
const CHANGES = 10;
const PROBES = 20;
/** Chains of a node whose pods are all free. */
const NO_POLICIES = [
  'after_egress',
  'from_port_to_port',
  'keep_to_the_way',
  'police',
  'to_the_node',
];

/** What a fresh start writes now. */
async function freshDumps(environment: VirtualEnvironment, server: WorldServer) {
  const stop = new AbortController();
  const kernels = await startEnforcers({ environment, server, nodes: NODES, signal: stop.signal });
  stop.abort();
  return kernels.map((kernel) => kernel.dump());
}

/** Pods with addresses of their own, and addresses outside. */
function endsOf({ pods }: PolicyWorld): End[] {
  const inside = [...pods.values()]
    .filter(({ spec, status }) => spec?.hostNetwork !== true && status?.phase === 'Running')
    .flatMap((pod) => (pod.status?.podIPs ?? []).map(({ ip }) => ({ pod, address: ip })));
  return [...inside, ...OUTSIDE.map((address) => ({ pod: undefined, address }))];
}

function probe(world: PolicyWorld, kernels: readonly PolicyKernel[], random: RandomWorld): void {
  const ends = endsOf(world);
  const from = random.one(ends);
  const to = random.one(
    ends.filter((end) => end.address.includes(':') === from.address.includes(':')),
  );
  // What is outside on both ends no node sees.
  const nodes = [from, to].map(({ pod }) => NODES.indexOf(pod?.spec?.nodeName ?? ''));
  const port = {
    protocol: random.one(['TCP', 'UDP', 'SCTP'] as const),
    number: random.one([80, 81]),
  };
  const packet = {
    from: from.address,
    to: to.address,
    protocol: port.protocol.toLowerCase(),
    port: port.number,
  };
  const passes = nodes.every((node) => {
    const linkOf = ({ pod }: End): string => (pod?.spec?.nodeName === NODES[node] ? 'br0' : 'eth0');
    return kernels[node]?.passes({ ...packet, into: linkOf(from), out: linkOf(to) }) !== false;
  });
  assert.equal(passes, isAllowed(world, from, to, port), JSON.stringify({ from, to, port }));
}

/**
 * Where no chain but those of a node without policies is, no pod is isolated, and who is known does not
 * count: that may be of before.
 */
function thatCounts(dumps: readonly ReturnType<PolicyKernel['dump']>[]) {
  return dumps.map((dump) =>
    dump.map(([id, { sets, chains }]) => {
      const isIdle = chains.every(([name]) => NO_POLICIES.includes(name));
      return [id, chains, isIdle ? sets.filter(([name]) => !name.startsWith('known')) : sets];
    }),
  );
}

async function run(seed: number): Promise<void> {
  const environment = new VirtualEnvironment({ seed });
  const random = new RandomWorld(environment.random);
  const server = new WorldServer();
  const stop = new AbortController();
  const kernels = await startEnforcers({ environment, server, nodes: NODES, signal: stop.signal });
  let before = kernels.map((kernel) => kernel.dump());
  for (let change = 0; change < CHANGES; change++) {
    // Some come together, and some when nft fails.
    const together = Array.from({ length: random.one([1, 1, 3, 8]) });
    for (const _ of together) server.apply(...random.change(server.world));
    const refused = random.chance(0.1) ? random.one(kernels) : undefined;
    if (refused !== undefined) refused.refusals = random.one([1, 2]);
    const written = kernels.map(({ scripts }) => scripts.length);
    await environment.advance(refused === undefined ? 100 : 5_000);
    const after = kernels.map((kernel) => kernel.dump());
    assert.deepEqual(thatCounts(after), thatCounts(await freshDumps(environment, server)));
    for (const [index, kernel] of kernels.entries()) {
      const scripts = kernel.scripts.slice(written[index]);
      const differs = JSON.stringify(before[index]) !== JSON.stringify(after[index]);
      if (kernel !== refused) {
        assert.equal(scripts.length, differs ? 1 : 0, scripts.join('---\n'));
        assert.doesNotMatch(scripts.join('\n'), /^table /m);
      }
      kernel.refusals = 0;
    }
    before = after;
    for (let count = 0; count < PROBES; count++) probe(server.world, kernels, random);
  }
  stop.abort();
}

describe('network policies in random worlds', () => {
  for (let first = 1; first <= WORLDS; first += 20) {
    it(`are as from a fresh start after every change (seeds from ${first})`, async () => {
      for (let seed = first; seed < first + 20; seed++) {
        await run(seed).catch((error: unknown) => {
          throw new Error(`seed ${seed}`, { cause: error });
        });
      }
    });
  }
});
