/** The process of `load.ts`: does one job after the other, as told by its parent. */
import { quantile } from '../measure.ts';
import { Connection, type Target } from './connection.ts';
import type { FromLoad, Job, LoadResult, RequestKind } from './load.ts';
import {
  createTemplate,
  type Encoding,
  getTemplate,
  MEDIA,
  mergePatchTemplate,
  requestTemplate,
  statusPatchTemplate,
  type Template,
} from './pod.ts';

const TEMPLATES: Readonly<Record<RequestKind, (encoding: Encoding) => Template>> = {
  create: createTemplate,
  get: getTemplate,
  'status patch': statusPatchTemplate,
  'merge patch': mergePatchTemplate,
};
const NEWLINE = 0x0a;
const FRAME_HEAD_BYTES = 4;
const MICROSECONDS_PER_SECOND = 1e6;

/** Counts through all jobs, so that no patch repeats one before. */
let patches = 0;

function tell(message: FromLoad): void {
  // Nobody listens any more when the bench is ending.
  process.send?.(message, undefined, undefined, () => {});
}

process.on('message', (job: Job) => {
  const cpu = process.cpuUsage();
  const beganMs = performance.now();
  const finish = (part: Omit<LoadResult, 'cpuSeconds'>): void => {
    const { user, system } = process.cpuUsage(cpu);
    tell({
      type: 'done',
      result: { ...part, cpuSeconds: (user + system) / MICROSECONDS_PER_SECOND },
    });
  };
  run(job, beganMs).then(finish, (error: unknown) =>
    tell({ type: 'failed', message: error instanceof Error ? error.message : String(error) }),
  );
});

function run(job: Job, beganMs: number): Promise<Omit<LoadResult, 'cpuSeconds'>> {
  switch (job.kind) {
    case 'requests':
      return requests(job);
    case 'list':
      return list(job, beganMs);
    case 'watch':
      return watch(job);
  }
}

function openAll(target: Target, count: number): Promise<Connection[]> {
  return Promise.all(Array.from({ length: count }, () => Connection.open(target)));
}

async function requests(job: Extract<Job, { kind: 'requests' }>) {
  const template = TEMPLATES[job.request](job.encoding);
  const connections = await openAll(job.target, job.connections);
  const latencies: number[] = [];
  let next = 0;
  let bytes = 0;
  const work = async (connection: Connection): Promise<void> => {
    while (next < job.count) {
      const pod = job.from + (next++ % job.pods);
      const request = template.with(pod, ++patches);
      const beganMs = performance.now();
      const answer = await connection.exchange(request);
      latencies.push(performance.now() - beganMs);
      bytes += answer.bytes;
    }
  };
  const beganMs = performance.now();
  await Promise.all(connections.map(work));
  const seconds = (performance.now() - beganMs) / 1000;
  for (const connection of connections) connection.close();
  return { seconds, bytes, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) };
}

async function list({ target, path, accept }: Extract<Job, { kind: 'list' }>, beganMs: number) {
  const connection = await Connection.open(target);
  const request = requestTemplate({ method: 'GET', path, accept }).with();
  const { bytes } = await connection.exchange(request);
  connection.close();
  const ms = performance.now() - beganMs;
  return { seconds: ms / 1000, bytes, p50Ms: ms, p99Ms: ms };
}

async function watch(job: Extract<Job, { kind: 'watch' }>) {
  const { encoding, events } = job;
  const accept = encoding === 'json' ? MEDIA.json : `${MEDIA.protobuf};stream=watch`;
  const request = requestTemplate({ method: 'GET', path: job.path, accept }).with();
  const connections = await openAll(job.target, job.watchers);
  let bytes = 0;
  let beganMs = 0;
  let left = job.watchers;
  const all = Promise.withResolvers<void>();
  let watching = 0;
  for (const connection of connections) {
    const counter = encoding === 'json' ? new LineCounter() : new FrameCounter();
    connection.onBody = (piece) => {
      const before = counter.count;
      bytes += piece.length;
      counter.read(piece);
      if (before < events && counter.count >= events && --left === 0) all.resolve();
    };
    connection.onHead = () => {
      if (++watching < job.watchers) return;
      beganMs = performance.now();
      tell({ type: 'watching' });
    };
    connection.exchange(request).then(
      () => all.reject(new Error('The server ended a watch')),
      (error: unknown) => all.reject(error),
    );
  }
  await all.promise;
  const seconds = (performance.now() - beganMs) / 1000;
  for (const connection of connections) connection.close();
  return { seconds, bytes, p50Ms: 0, p99Ms: 0 };
}

class LineCounter {
  count = 0;
  read(piece: Buffer): void {
    for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, at + 1))
      this.count++;
  }
}

/** Frames of a protobuf watch: four bytes of length, then that many. */
class FrameCounter {
  count = 0;
  #left = 0;
  #head = 0;
  #headBytes = 0;

  read(piece: Buffer): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#left > 0) {
        const used = Math.min(this.#left, piece.length - at);
        this.#left -= used;
        at += used;
        if (this.#left === 0) this.count++;
        continue;
      }
      this.#head = this.#head * 256 + (piece[at++] ?? 0);
      if (++this.#headBytes < FRAME_HEAD_BYTES) continue;
      this.#left = this.#head;
      this.#head = 0;
      this.#headBytes = 0;
    }
  }
}
