/**
 * Rules of Services in the kernel: our maps, beside one chain for each Service and each endpoint, found
 * by a map (the form of upstream's mode "nftables"), both written by nft.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runCommand } from '#base/run-command.ts';
import { realProcesses } from '#edge/processes.ts';
import { whyNoRealPods } from '../real-pod.ts';
import { alternate, type Bench, type Measurement, type Results, rowOf } from '../rounds.ts';
import type { Scope } from '../scope.ts';
import type { Row } from '../table.ts';
import type { FirstPacket } from './first-packet.ts';

const PROGRAM = fileURLToPath(new URL('rules-process.ts', import.meta.url));
const TIMEOUT_MS = 900_000;

export const RULES: Measurement = { name: 'rules of 10,000 services', run };

export interface RuleTimes {
  /** Of what Services and endpoints say; the chains are made of less. */
  readonly planMs: number;
  /** By nft. */
  readonly loadMs: number;
  /** Until the kernel has it. */
  readonly changeMs: number;
  /** Until nft has ended, which is when the next change can be written. */
  readonly changeEndedMs: number;
  readonly firstPacket: FirstPacket;
}

interface Way {
  readonly name: 'maps' | 'chains';
}

const MAPS: Way = { name: 'maps' };
const CHAINS: Way = { name: 'chains' };

async function run(bench: Bench): Promise<Row[]> {
  const obstacle = whyNoRealPods();
  if (obstacle !== undefined) return rowsOf({ coxswain: obstacle, upstream: obstacle });
  const results = await alternate<RuleTimes, Way>(bench, {
    name: 'rules of 10,000 services',
    coxswain: MAPS,
    upstream: bench.upstream === undefined ? undefined : CHAINS,
    async once(way) {
      return measure(way, bench.scope);
    },
  });
  return rowsOf(results);
}

function rowsOf(results: Results<RuleTimes>): Row[] {
  return [
    rowOf(results, {
      what: '10,000 Services loaded (beside it: a chain for each)',
      unit: 'ms',
      ratioGoal: { atMost: 1 / 50 },
      value: ({ loadMs }) => loadMs,
    }),
    rowOf(
      { coxswain: results.coxswain, upstream: '–' },
      { what: '  planned before', unit: 'ms', value: ({ planMs }) => planMs },
    ),
    rowOf(results, {
      what: '  one of their endpoints changed',
      unit: 'ms',
      goal: 20,
      value: ({ changeMs }) => changeMs,
    }),
    rowOf(results, {
      what: '    until nft has ended',
      unit: 'ms',
      value: ({ changeEndedMs }) => changeEndedMs,
    }),
    rowOf(results, {
      what: '  a connection to one of them',
      unit: 'µs',
      value: ({ firstPacket }) => firstPacket.throughService,
    }),
    rowOf(results, {
      what: '  of that, for the Service',
      unit: 'µs',
      value: ({ firstPacket: { direct, throughService } }) => throughService - direct,
    }),
  ];
}

/** In a network namespace with nothing in it. */
async function measure({ name: way }: Way, scope: Scope): Promise<RuleTimes> {
  const name = `coxbench-${process.pid}`;
  const processes = realProcesses();
  await runCommand(processes, 'ip', ['netns', 'add', name], {});
  const remove = scope.defer(() => {
    spawnSync('ip', ['netns', 'delete', name]);
  });
  try {
    const words = [`--net=/run/netns/${name}`, process.execPath, PROGRAM, way];
    const output = await runCommand(processes, 'nsenter', words, { timeoutMs: TIMEOUT_MS });
    return JSON.parse(output) as RuleTimes;
  } finally {
    await remove();
  }
}
