/**
 * The truth table: every shape of a policy, every pair of nine pods in three namespaces, and
 * addresses outside, every protocol and port. Two nodes hold the pods, and a packet has to pass the
 * tables of both. The kernel is played; the real one is in `truth-table.real.test.ts`.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startEnforcers } from '#kit/network-policy/enforcers.ts';
import type { PolicyKernel } from '#kit/network-policy/kernel.ts';
import { isExpected, type Probe, probesOf, probeText } from '#kit/network-policy/probes.ts';
import { WorldServer } from '#kit/network-policy/server.ts';
import { FIRST_NODE, type Shape, SHAPES } from '#kit/network-policy/shapes.ts';
import { theNine } from '#kit/network-policy/world.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';

const NODES = [FIRST_NODE, 'n2'];
/** Pods of x and y/a are on the first node: some pairs are on one node, some are on two. */
const nodeOf = (key: string): string => (key < 'y/b' ? FIRST_NODE : 'n2');
const PROBES = probesOf([4, 6], ['TCP', 'UDP', 'SCTP']);

/** Runs the steps of `shape`; `look` is called after each. */
async function play(shape: Shape, look: (server: WorldServer, kernels: PolicyKernel[]) => void) {
  const environment = new VirtualEnvironment();
  const server = new WorldServer();
  const stop = new AbortController();
  server.apply(...theNine(nodeOf));
  const { signal } = stop;
  const kernels = await startEnforcers({ environment, server, nodes: NODES, signal });
  for (const step of shape.steps) {
    server.apply(...step);
    await environment.advance(100);
    look(server, kernels);
  }
  stop.abort();
}

function passes(kernels: readonly PolicyKernel[], probe: Probe): boolean {
  const linkOf = (name: string, node: string | undefined): string =>
    name.includes('/') && nodeOf(name) === node ? 'br0' : 'eth0';
  const packet = {
    from: probe.fromAddress,
    to: probe.toAddress,
    protocol: probe.port.protocol.toLowerCase(),
    port: probe.port.number,
  };
  // A pod speaks to itself without leaving, and an address outside has no node.
  const nodes = [probe.from, probe.to].filter((name) => name.includes('/')).map(nodeOf);
  return kernels.every((kernel, index) => {
    const node = NODES[index]!;
    const links = { into: linkOf(probe.from, node), out: linkOf(probe.to, node) };
    return !nodes.includes(node) || kernel.passes({ ...packet, ...links });
  });
}

describe('the truth table of network policies', () => {
  for (const shape of SHAPES) {
    it(shape.title, async () => {
      let pairs = 0;
      await play(shape, ({ world }, kernels) => {
        const wrong = PROBES.filter((probe) => passes(kernels, probe) !== isExpected(world, probe));
        assert.deepEqual(wrong.map(probeText), []);
        pairs = PROBES.filter(
          (probe) =>
            probe.from.includes('/') &&
            probe.to.includes('/') &&
            !probe.toAddress.includes(':') &&
            probe.port.protocol === 'TCP' &&
            probe.port.number === 80 &&
            isExpected(world, probe),
        ).length;
      });
      assert.equal(pairs, shape.pairs);
    });
  }
});
