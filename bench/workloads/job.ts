/** A Job of 5,000 completions, 500 pods at a time, each of which runs for a moment. */
import { JOB } from '#api/batch/job.ts';
import type { Job } from '#api/gen/batch-v1.ts';
import { NAMESPACE } from '../pods.ts';
import { alternate, type Bench, type Measurement, rowOf } from '../rounds.ts';
import type { Row } from '../table.ts';
import { untilSeen } from '../wait.ts';
import { type Loaded, withNodes } from './cluster.ts';

const NODES = 500;
const COMPLETIONS = 5_000;
const PARALLELISM = 500;
const RUN_MS = '100';
const TIMEOUT_MS = 420_000;
const NAME = 'bench';

export const JOB_OF_5000: Measurement = { name: 'job of 5,000 completions', run };

async function run(bench: Bench): Promise<Row[]> {
  const results = await alternate<number>(bench, {
    name: 'job',
    coxswain: bench.coxswain,
    upstream: bench.upstream?.subject,
    once: (subject) => withNodes(bench, subject, { nodes: NODES, runsPods: true }, measure),
  });
  return [
    rowOf(results, {
      what: `Job of ${COMPLETIONS} completions, ${PARALLELISM} at a time, ${NODES} nodes`,
      unit: 'ms',
      value: (ms) => ms,
    }),
  ];
}

async function measure({ client }: Loaded): Promise<number> {
  const beganMs = performance.now();
  const [completeMs] = await Promise.all([
    untilSeen(
      client,
      { type: JOB, namespace: NAMESPACE, fieldSelector: `metadata.name=${NAME}` },
      { timeoutMs: TIMEOUT_MS, what: 'a Job to be complete' },
      ({ object }) => object.status?.conditions?.some(isComplete) === true,
    ),
    client.create(JOB, job()),
  ]);
  return completeMs - beganMs;
}

function isComplete({ type, status }: { readonly type: string; readonly status: string }): boolean {
  return type === 'Complete' && status === 'True';
}

function job(): Job {
  return {
    metadata: { name: NAME, namespace: NAMESPACE },
    spec: {
      completions: COMPLETIONS,
      parallelism: PARALLELISM,
      template: {
        metadata: { annotations: { 'coxswain.dev/simulated-run-ms': RUN_MS } },
        spec: {
          restartPolicy: 'Never',
          containers: [{ name: 'main', image: 'example/job' }],
        },
      },
    },
  };
}
