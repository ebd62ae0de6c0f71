/**
 * One pass of a CronJob against a server that the test plays: what the API refuses nowadays and an
 * old object may still have, and what goes wrong. What a whole cluster does is in the stories.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CronJob, CronJobSpec, CronJobStatus, Job } from '#api/gen/batch-v1.ts';
import { alreadyExists, notFound } from '#api/meta/status.ts';
import { MetricRegistry } from '#base/metrics.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';
import type { Result } from '#reconcile/controller.ts';
import { at } from '#kit/builders.ts';
import { deepFreeze } from '#kit/freeze.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';
import { CronJobMetrics } from './metrics.ts';
import { CronPass, syncCronJob } from './sync.ts';

const JOBS = { group: 'batch', resource: 'jobs' };

interface World {
  readonly spec?: Partial<CronJobSpec>;
  readonly status?: CronJobStatus;
  /** Jobs that the server has beyond what the cache shows. */
  readonly live?: readonly Job[];
  readonly cached?: readonly Job[];
  /** The status as the server has it. */
  readonly liveStatus?: CronJobStatus;
  readonly refuses?: 'create' | 'delete';
}

interface Outcome {
  readonly created: string[];
  readonly deleted: string[];
  readonly status: CronJobStatus | undefined;
  readonly events: string[];
  readonly result: Result | undefined;
  readonly error: Error | undefined;
}

/** A Job of the CronJob `tick`, or of nobody. */
function job(name: string, isOurs = true): Job {
  const owner = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    name: 'tick',
    uid: 'tick',
    controller: true,
  };
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      ...(isOurs ? { ownerReferences: [owner] } : {}),
    },
  };
}

/** A pass at ten past; the CronJob runs every ten minutes. */
async function pass({
  spec,
  status,
  live = [],
  cached = [],
  liveStatus,
  refuses,
}: World): Promise<Outcome> {
  const cronJob: CronJob = {
    metadata: { name: 'tick', namespace: 'default', uid: 'tick', creationTimestamp: at(0) },
    spec: { schedule: '*/10 * * * *', jobTemplate: {}, ...spec },
    ...(status === undefined ? {} : { status }),
  };
  deepFreeze(cronJob);
  const [created, deleted, events]: [string[], string[], string[]] = [[], [], []];
  let written: CronJobStatus | undefined;
  const there = [...live, ...cached];
  const client = {
    get: ({ plural }: { plural: string }, name: string) => {
      if (plural === 'cronjobs')
        return Promise.resolve({ ...cronJob, status: liveStatus ?? status });
      const found = there.find(({ metadata }) => metadata?.name === name);
      return found === undefined ? Promise.reject(notFound(JOBS, name)) : Promise.resolve(found);
    },
    create: (_type: unknown, made: Job) => {
      const { name = '' } = made.metadata ?? {};
      if (refuses === 'create') return Promise.reject(new Error('quota'));
      if (there.some(({ metadata }) => metadata?.name === name))
        return Promise.reject(alreadyExists(JOBS, name));
      created.push(name);
      return Promise.resolve({ ...made, metadata: { ...made.metadata, uid: name } });
    },
    delete: (_type: unknown, { name }: { name: string }) => {
      if (refuses === 'delete') return Promise.reject(new Error('no'));
      deleted.push(name);
      return Promise.resolve();
    },
    update: (_type: unknown, object: CronJob) => {
      written = object.status;
      return Promise.resolve(object);
    },
  } as unknown as Client;
  const recorder = {
    event: ({ type, reason, message }: Record<string, string>) =>
      events.push(`${type} ${reason}: ${message}`),
  } as unknown as EventRecorder;
  const nowMs = VIRTUAL_START_MS + 600_000;
  const metrics = new CronJobMetrics(new MetricRegistry());
  let error: Error | undefined;
  const result = await syncCronJob(
    new CronPass(cronJob, { client, events: recorder, metrics, nowMs }),
    cached,
  ).catch((thrown: Error) => {
    error = thrown;
    return undefined;
  });
  return { created, deleted, status: written, events, result, error };
}

const NAME = `tick-${VIRTUAL_START_MS / 60_000 + 10}`;
const NEXT = { requeueAfterMs: 600_100 };
const activeOf = ({ status }: Outcome): string[] =>
  (status?.active ?? []).map(({ name = '' }) => name);

describe('a pass of a CronJob', () => {
  it('makes the Job that is due, and comes back for the next', async () => {
    const outcome = await pass({});
    assert.deepEqual([outcome.created, outcome.result], [[NAME], NEXT]);
    assert.deepEqual(activeOf(outcome), [NAME]);
  });

  it('does not make it again when it is active, or was the last', async () => {
    const active = [{ name: NAME, namespace: 'default', uid: NAME }];
    for (const status of [{ active }, { lastScheduleTime: at(600) }]) {
      const outcome = await pass({ status, live: [job(NAME)] });
      assert.deepEqual([outcome.created, outcome.result, outcome.status], [[], NEXT, undefined]);
    }
  });

  it('does not replace the Job of this very time', async () => {
    const status = { active: [{ name: NAME, namespace: 'default', uid: NAME }] };
    const spec = { concurrencyPolicy: 'Replace' } as const;
    const { deleted, created } = await pass({ status, live: [job(NAME)], spec });
    assert.deepEqual([deleted, created], [[], []]);
  });

  it('takes up its own Job of that name, and lets a stranger’s be', async () => {
    const ours = await pass({ live: [job(NAME)] });
    assert.deepEqual(
      [activeOf(ours), ours.status?.lastScheduleTime, ours.events],
      [[NAME], at(600), []],
    );
    const other = await pass({ live: [job(NAME, false)] });
    assert.deepEqual([other.status, other.result], [undefined, NEXT]);
  });

  it('tells when the Job cannot be made, and keeps what it found out before', async () => {
    const status = { active: [{ name: 'gone', namespace: 'default', uid: 'gone' }] };
    const { events, error, status: written } = await pass({ status, refuses: 'create' });
    assert.deepEqual(events, [
      'Normal MissingJob: Active job went missing: gone',
      'Warning FailedCreate: Error creating job: quota',
    ]);
    assert.equal(error?.message, 'quota');
    assert.deepEqual(written, {});
  });

  const BEFORE = `tick-${VIRTUAL_START_MS / 60_000}`;
  /** Two times were missed; the Job of the first may be there. */
  const late = (world: World): Promise<Outcome> =>
    pass({ ...world, status: { lastScheduleTime: at(-600), ...world.status } });

  it('starts none beside one of the time before, whose start nobody learned of', async () => {
    const forbidden = await late({ spec: { concurrencyPolicy: 'Forbid' }, live: [job(BEFORE)] });
    assert.deepEqual([forbidden.created, activeOf(forbidden)], [[], [BEFORE]]);
    assert.equal(forbidden.status?.lastScheduleTime, at(0));
    const replaced = await late({ spec: { concurrencyPolicy: 'Replace' }, live: [job(BEFORE)] });
    assert.deepEqual([replaced.deleted, replaced.created], [[BEFORE], [NAME]]);
    const both = await late({ live: [job(BEFORE)] });
    assert.deepEqual([both.created, activeOf(both)], [[NAME], [BEFORE, NAME]]);
  });

  it('knows it also when it was due before the deadline', async () => {
    const spec = { concurrencyPolicy: 'Forbid', startingDeadlineSeconds: 30 } as const;
    const outcome = await late({ spec, live: [job(BEFORE)] });
    assert.deepEqual([outcome.created, activeOf(outcome)], [[], [BEFORE]]);
  });

  it('starts one beside a stranger’s of the time before, and after one that has ended', async () => {
    const conditions = [{ type: 'Complete', status: 'True' }] as const;
    const ended = { ...job(BEFORE), status: { conditions: [...conditions] } };
    for (const live of [[job(BEFORE, false)], [ended], []]) {
      const outcome = await late({ spec: { concurrencyPolicy: 'Forbid' }, live });
      assert.deepEqual([outcome.created, activeOf(outcome)], [[NAME], [NAME]]);
    }
  });

  it('makes no Job beside one that it cannot replace', async () => {
    const status = { active: [{ name: 'old', namespace: 'default', uid: 'old' }] };
    const world: World = { status, live: [job('old')], spec: { concurrencyPolicy: 'Replace' } };
    const { events, error, created } = await pass({ ...world, refuses: 'delete' });
    assert.deepEqual(events, ['Warning FailedDelete: Deleted job: no']);
    assert.deepEqual([error?.message, created], ['could not replace job default/old: no', []]);
    const replaced = await pass(world);
    assert.deepEqual([replaced.deleted, activeOf(replaced)], [['old'], [NAME]]);
  });

  it('does not wonder about a Job that the server has on its list', async () => {
    const cached = [job('other')];
    const wonders = await pass({ cached, spec: { suspend: true } });
    assert.match(wonders.events.join(), /^Warning UnexpectedJob: .*: other$/);
    const liveStatus = { active: [{ name: 'other', uid: 'other' }] };
    const knows = await pass({ cached, liveStatus, spec: { suspend: true } });
    assert.deepEqual(knows.events, []);
  });

  const HELP =
    'see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details';
  const rows: readonly (readonly [
    claim: string,
    spec: Partial<CronJobSpec>,
    events: string[],
    makes: boolean,
  ])[] = [
    ['does nothing while it is suspended', { suspend: true }, [], false],
    [
      'tells of a zone that there is not',
      { timeZone: 'Mars/Base' },
      ['Warning UnknownTimeZone: invalid timeZone: "Mars/Base": unknown time zone Mars/Base'],
      false,
    ],
    [
      'tells of a schedule that cannot be read',
      { schedule: '* *' },
      [
        'Warning UnparseableSchedule: unparseable schedule: "* *" : expected exactly 5 fields, found 2: [* *]',
      ],
      false,
    ],
    [
      'goes by a zone in the schedule, and says that this is not supported',
      { schedule: 'TZ=Asia/Kolkata 40 5 * * *' },
      [
        `Warning UnsupportedSchedule: CRON_TZ or TZ used in schedule "TZ=Asia/Kolkata 40 5 * * *" is not officially supported, ${HELP}`,
        `Normal SuccessfulCreate: Created job ${NAME}`,
      ],
      true,
    ],
  ];
  for (const [claim, spec, events, makes] of rows) {
    it(claim, async () => {
      const outcome = await pass({ spec });
      assert.deepEqual([outcome.events, outcome.created], [events, makes ? [NAME] : []]);
      if (!makes) assert.deepEqual(outcome.result, {});
    });
  }
});
