/** What a sink gives to its outlet, and when it tells its producer to wait. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { type Outlet, StreamSink } from './stream-sink.ts';

/** An outlet that keeps what it is given; `full` is what it answers. */
class Kept extends EventEmitter implements Outlet {
  readonly writes: Uint8Array[] = [];
  full = false;
  ended: string | undefined;
  destroyed: Error | undefined;

  flushHeaders(): void {}

  write(bytes: Uint8Array): boolean {
    this.writes.push(bytes);
    return !this.full;
  }

  end(bytes?: Uint8Array): void {
    this.ended = String(bytes ?? '');
  }

  destroy(error?: Error): void {
    this.destroyed = error;
  }

  get texts(): string[] {
    return this.writes.map(String);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const [A, B] = ['event a\n', 'event b\n'].map((text) => Buffer.from(text)) as [Buffer, Buffer];

test('the events of one turn leave as one chunk, which is the same memory for all who get them', async () => {
  const outs = [new Kept(), new Kept()];
  for (const out of outs) {
    const sink = new StreamSink(out, { inChunks: true });
    sink.write(A);
    sink.write(B);
  }
  assert.deepEqual(
    outs.map(({ texts }) => texts),
    [[], []],
  );
  await turn();
  const [one, other] = outs.map(({ writes }) => writes);
  assert.deepEqual(one?.map(String), ['10\r\nevent a\nevent b\n\r\n']);
  assert.equal(one?.[0], other?.[0]);
  assert.equal(one?.length, other?.length);
});

test('each of two turns is a chunk of its own, and nothing is none', async () => {
  const out = new Kept();
  const sink = new StreamSink(out, { inChunks: true });
  sink.write(A);
  await turn();
  sink.write(Buffer.alloc(0));
  await turn();
  sink.write(B);
  await turn();
  assert.deepEqual(out.texts, ['8\r\nevent a\n\r\n', '8\r\nevent b\n\r\n']);
});

test('the end takes what is left with it, and is the end', async () => {
  for (const inChunks of [true, false]) {
    const out = new Kept();
    const sink = new StreamSink(out, { inChunks });
    sink.write(A);
    sink.end();
    assert.deepEqual(out.texts, [inChunks ? '8\r\nevent a\n\r\n' : 'event a\n']);
    assert.equal(out.ended, inChunks ? '0\r\n\r\n' : '');
    assert.equal(sink.write(B), false);
    sink.end();
    await turn();
    assert.equal(out.writes.length, 1);
  }
});

test('a full outlet is given nothing until it is drained, and then all of it at once', async () => {
  const out = new Kept();
  const sink = new StreamSink(out, { inChunks: true });
  let drains = 0;
  sink.onDrain(() => drains++);
  out.full = true;
  assert.equal(sink.write(A), true);
  await turn();
  assert.equal(sink.write(A), false);
  assert.equal(sink.write(B), false);
  await turn();
  assert.deepEqual(out.texts, ['8\r\nevent a\n\r\n']);
  assert.equal(drains, 0);
  out.full = false;
  out.emit('drain');
  assert.deepEqual(out.texts.slice(1), ['10\r\nevent a\nevent b\n\r\n']);
  assert.equal(drains, 1);
});

test('a producer of more than a megabyte in a turn is told to wait until it has left', async () => {
  const out = new Kept();
  const sink = new StreamSink(out);
  let drains = 0;
  sink.onDrain(() => drains++);
  assert.equal(sink.write(Buffer.alloc(1024 * 1024)), false);
  assert.equal(drains, 0);
  await turn();
  assert.equal(drains, 1);
  assert.equal(sink.write(A), true);
});

test('what is aborted or closed is sent no more', async () => {
  const [aborted, closed] = [new Kept(), new Kept()];
  const reason = new Error('enough');
  const sink = new StreamSink(aborted);
  sink.write(A);
  sink.abort(reason);
  const other = new StreamSink(closed);
  other.write(A);
  closed.emit('close');
  assert.equal(other.write(B), false);
  other.end();
  await turn();
  assert.equal(aborted.destroyed, reason);
  assert.deepEqual([...aborted.texts, ...closed.texts], []);
  assert.equal(closed.ended, undefined);
});
