/** `npm run bench -- scheduling`: pods that a scheduler gives nodes, beside upstream's. */
import { alternate, type Measurement, type Rounds, rowOf } from './rounds.ts';
import { measureWorkload, type Throughput } from './scheduling/run.ts';
import type { SchedulingSubject } from './scheduling/subject.ts';
import { type Scale, type Workload, workloads } from './scheduling/workloads.ts';
import { during } from './subject.ts';
import type { Row } from './table.ts';

const GOAL = 2;

export interface SchedulingBench extends Rounds {
  readonly coxswain: SchedulingSubject;
  readonly upstream: SchedulingSubject | undefined;
}

export function schedulingMeasurements(scale: Scale): readonly Measurement<SchedulingBench>[] {
  return workloads(scale).map((workload) => ({
    name: workload.name.toLowerCase(),
    run: (bench) => run(bench, workload),
  }));
}

async function run(bench: SchedulingBench, workload: Workload): Promise<Row[]> {
  const { name, nodes, before, measured } = workload;
  const results = await alternate<Throughput, SchedulingSubject>(bench, {
    name,
    coxswain: bench.coxswain,
    upstream: bench.upstream,
    once: async (subject) =>
      during(await subject.start(bench.scope), (running) => measureWorkload(running, workload)),
  });
  const there = before.reduce((sum, { count }) => sum + count, 0);
  return [
    rowOf(results, {
      what: `${name}: ${nodes.length} nodes, ${there} pods before, ${measured.count} measured`,
      unit: '/s',
      ratioGoal: { atLeast: GOAL },
      value: ({ podsPerSecond }) => podsPerSecond,
    }),
    rowOf(results, {
      what: '  processor time of all processes for 1,000 pods',
      unit: 'ms',
      value: ({ cpuMsPerThousand }) => cpuMsPerThousand,
    }),
    {
      // Ours has no process of its own.
      ...rowOf(results, {
        what: "  processor time of the scheduler's process for 1,000 pods",
        unit: 'ms',
        value: ({ schedulerMsPerThousand }) => schedulerMsPerThousand,
      }),
      coxswain: '–',
    },
    rowOf(results, {
      what: '  processor of the load itself',
      unit: '% of a core',
      value: ({ loadPercent }) => loadPercent,
    }),
  ];
}
