/**
 * One pass against a server that the test plays: which Pods it believes in, and what it declares
 * when writes fail. What a whole cluster does is in the stories.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JOB } from '#api/batch/job.ts';
import { POD } from '#api/core/pod.ts';
import type { Job, JobSpec, JobStatus } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { notFound } from '#api/meta/status.ts';
import { MetricRegistry } from '#base/metrics.ts';
import type { Client, ResourceType } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';
import type { Informer } from '#client/informer.ts';
import { controllerIndex } from '#reconcile/claim.ts';
import { at } from '#kit/builders.ts';
import { deepFreeze } from '#kit/freeze.ts';
import { jobPod, jobWith } from '#kit/job-pods.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';
import { type JobMemory, JobMemories } from './memory.ts';
import { JobMetrics } from './metrics.ts';
import { syncJob } from './sync.ts';

interface World {
  readonly spec?: Partial<JobSpec>;
  readonly status?: JobStatus;
  readonly metadata?: Job['metadata'];
  /** What the cache shows, at which revision; and what the server has. */
  readonly cache?: readonly string[];
  readonly cacheRevision?: number;
  readonly live?: readonly string[];
  readonly memory?: Partial<JobMemory>;
  /** Writes that are refused: `delete a`, `patch a`. */
  readonly refuses?: readonly string[];
  /** Pods that are gone when they are written to. */
  readonly gone?: readonly string[];
}

interface Outcome {
  /** Writes to Pods in their order: `create`, `delete a`, `patch a`. */
  readonly writes: string[];
  /** The statuses of the Job in the order in which they were written. */
  readonly statuses: JobStatus[];
  readonly events: string[];
  readonly memory: JobMemory;
  readonly error: Error | undefined;
}

const SELECTOR = { matchLabels: { app: 'web' } };
/** As objects of caches are. */
function frozen<T>(object: T): T {
  deepFreeze(object);
  return object;
}

const owned = (text: string): Pod => {
  const pod = jobPod(text);
  const ownerReferences = [
    { apiVersion: 'batch/v1', kind: 'Job', name: 'work', uid: 'work', controller: true },
  ];
  return frozen({ ...pod, metadata: { ...pod.metadata, ownerReferences } });
};

async function pass(world: World): Promise<Outcome> {
  const { cache = [], cacheRevision = 10, live = cache, refuses = [], gone = [] } = world;
  const made = jobWith({ selector: SELECTOR, ...world.spec }, world.status ?? {});
  const metadata = { ...made.metadata, resourceVersion: '10', ...world.metadata };
  const job = frozen({ ...made, metadata });
  const [writes, statuses, events]: [string[], JobStatus[], string[]] = [[], [], []];
  const pods = cache.map(owned);
  const write = (what: string, name: string): Promise<object> => {
    writes.push(`${what} ${name}`);
    if (gone.includes(name)) return Promise.reject(notFound({ group: '', resource: 'pods' }, name));
    if (refuses.includes(`${what} ${name}`)) return Promise.reject(new Error('refused'));
    return Promise.resolve({});
  };
  const client = {
    create: () => {
      writes.push('create');
      return Promise.resolve({ metadata: { name: 'new' } });
    },
    patch: (_type: unknown, { name }: { name: string }) => write('patch', name),
    delete: (_type: unknown, { name }: { name: string }) => write('delete', name),
    update: (type: ResourceType<KubeObject>, object: Job) => {
      assert.equal(type.plural, JOB.plural);
      statuses.push(object.status ?? {});
      const resourceVersion = String(20 + statuses.length);
      return Promise.resolve({ ...object, metadata: { ...object.metadata, resourceVersion } });
    },
    list: () => Promise.resolve({ items: live.map(owned), resourceVersion: '15' }),
  } as unknown as Client;
  const informer = {
    type: POD,
    resourceVersion: cacheRevision,
    byIndex: (_name: string, value: string) =>
      pods.filter((pod) => controllerIndex(pod).includes(value)),
  } as unknown as Informer<Pod>;
  const recorder = {
    event: ({ reason }: { reason: string }) => events.push(reason),
  } as unknown as EventRecorder;
  const memory = Object.assign(new JobMemories().of('default/work', 'work'), world.memory);
  const parts = {
    client,
    events: recorder,
    pods: informer,
    memory,
    metrics: new JobMetrics(new MetricRegistry()),
    note: { action: 'reconciling' } as const,
    nowMs: VIRTUAL_START_MS + 100_000,
  };
  const error = await syncJob(job, parts).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  return { writes, statuses, events, memory, error };
}

describe('which Pods a pass believes in', () => {
  const status: JobStatus = { startTime: at(0), succeeded: 1, ready: 0, terminating: 0 };
  const world: World = {
    spec: { completions: 1, parallelism: 0 },
    status: { ...status, succeeded: 0 },
    cache: ['a phase=Succeeded'],
    live: [],
  };
  const counts = ({ statuses }: Outcome): number => statuses.at(-1)?.succeeded ?? 0;

  it('those of the cache, when it is as new as the status', async () => {
    assert.equal(counts(await pass(world)), 1);
  });
  it('those of the server, when another process wrote a status that is newer', async () => {
    assert.equal(counts(await pass({ ...world, cacheRevision: 9 })), 0);
  });
  it('those of the cache, when this process wrote it', async () => {
    const memory = { writtenRevision: '10' };
    assert.equal(counts(await pass({ ...world, cacheRevision: 9, memory })), 1);
  });
  it('those of the server, after a pass that failed', async () => {
    const outcome = await pass({ ...world, memory: { isUnsure: true } });
    assert.equal(counts(outcome), 0);
    assert.deepEqual([outcome.memory.isUnsure, outcome.memory.podsRevision], [false, 15]);
  });
  it('those of the server, until the cache is as new as what it has seen there', async () => {
    assert.equal(counts(await pass({ ...world, memory: { podsRevision: 15 } })), 0);
    assert.equal(
      counts(await pass({ ...world, cacheRevision: 15, memory: { podsRevision: 15 } })),
      1,
    );
  });
  it('not those whose finalizer it removed, until the cache has seen it', async () => {
    const { statuses, memory } = await pass({ ...world, memory: { removed: new Set(['a', 'b']) } });
    assert.equal(statuses.at(-1)?.succeeded ?? 0, 0);
    assert.deepEqual([...memory.removed], ['a'], 'and forgets those that are gone');
  });
});

describe('a pass', () => {
  it('remembers what it wrote and released', async () => {
    const { memory, writes } = await pass({
      spec: { completions: 2 },
      cache: ['a phase=Succeeded'],
    });
    assert.deepEqual(writes, ['create', 'patch a']);
    assert.deepEqual([...memory.removed], ['a']);
    assert.equal(memory.writtenRevision, '22');
  });

  it('writes a status that counts what it created', async () => {
    const { statuses } = await pass({ spec: { completions: 3, parallelism: 3 } });
    assert.equal(statuses.at(-1)?.active, 3);
  });

  it('declares no end while a Pod could not be stopped', async () => {
    const spec = { activeDeadlineSeconds: 10, parallelism: 2, completions: 2 };
    const { statuses, error, memory } = await pass({
      spec,
      cache: ['a', 'b'],
      refuses: ['delete b'],
    });
    assert.match(error?.message ?? '', /^unable to delete pods/);
    assert.equal(statuses.at(-1)?.conditions, undefined);
    assert.equal(memory.isUnsure, true);
  });

  it('takes Pods that are gone as stopped', async () => {
    const spec = { activeDeadlineSeconds: 10, parallelism: 2, completions: 2 };
    const { statuses, error } = await pass({ spec, cache: ['a', 'b'], gone: ['a', 'b'] });
    assert.equal(error, undefined);
    assert.equal(statuses[0]?.conditions?.[0]?.type, 'FailureTarget');
  });

  it('counts those that it could release, and fails', async () => {
    const cache = ['a phase=Failed', 'b phase=Failed'];
    const spec = { completions: 9, parallelism: 0 };
    const { statuses, error, memory } = await pass({ spec, cache, refuses: ['patch b'] });
    assert.match(error?.message ?? '', /refused/);
    assert.deepEqual(statuses[0]?.uncountedTerminatedPods, { failed: ['a', 'b'] });
    assert.deepEqual(
      [statuses[1]?.failed, statuses[1]?.uncountedTerminatedPods],
      [1, { failed: ['b'] }],
    );
    assert.deepEqual([...memory.removed], ['a']);
  });

  it('takes the finalizer off before it deletes what it has too much of', async () => {
    const { writes } = await pass({ spec: { completions: 2, parallelism: 0 }, cache: ['a'] });
    assert.deepEqual(writes, ['patch a', 'delete a']);
  });

  it('neither starts nor suspends a Job that is being deleted', async () => {
    const metadata = { deletionTimestamp: at(0) };
    for (const suspend of [false, true]) {
      const { writes, statuses, events } = await pass({
        spec: { completions: 2, suspend },
        metadata,
      });
      assert.deepEqual([writes, events], [[], []]);
      assert.equal(statuses.at(-1)?.conditions, undefined);
    }
  });

  it('says when more succeeded than it asked for', async () => {
    const spec = { completions: 1, parallelism: 1 };
    const { events } = await pass({ spec, cache: ['a phase=Succeeded', 'b phase=Succeeded'] });
    assert.deepEqual(events, ['TooManySucceededPods', 'Completed']);
  });

  it('writes nothing when nothing changed', async () => {
    const status = { startTime: at(0), active: 1, ready: 0, terminating: 0 };
    const { writes, statuses } = await pass({ status, cache: ['a'] });
    assert.deepEqual([writes, statuses], [[], []]);
  });
});

describe('the memory of Jobs', () => {
  it('starts anew for another Job of the same name', () => {
    const memories = new JobMemories();
    const first = memories.of('default/work', 'one');
    assert.equal(memories.of('default/work', 'one'), first);
    assert.notEqual(memories.of('default/work', 'two'), first);
  });
});
