/** A small part of what `npm run fuzz` does, from fixed seeds; and that it finds what it is there for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fuzz } from './fuzz.ts';
import type { FuzzRequest } from './request.ts';
import { shrink } from './shrink.ts';
import { runWorld } from './world.ts';

async function brokenIn(kind: 'stateful' | 'hostile', requests: number): Promise<string[]> {
  const reports: string[] = [];
  // How long a request takes is no matter of a machine that runs other tests beside this one.
  await fuzz({ kind, seed: 1, requests, boundsCpu: false, report: (text) => reports.push(text) });
  return reports;
}

const POST = (path: string, body: object): FuzzRequest => ({
  method: 'POST',
  url: path,
  headers: { 'content-type': 'application/json', accept: 'application/json' },
  body: Buffer.from(JSON.stringify(body)),
});

describe('the API server survives', () => {
  it('requests of all sorts, one after the other', async () => {
    assert.deepEqual(await brokenIn('stateful', 4_000), []);
  });

  it('hostile bodies, and answers with upstream’s code', async () => {
    assert.deepEqual(await brokenIn('hostile', 500), []);
  });
});

describe('the fuzzer', () => {
  const path = '/api/v1/namespaces/fuzz/configmaps';
  // Taken to be wrong: a second create of one name.
  const sequence: readonly FuzzRequest[] = [
    POST(path, { metadata: { name: 'a' } }),
    POST(path, { metadata: { name: 'b' } }),
    { ...POST(path, { metadata: { name: 'c' } }), expected: [201] },
    { ...POST(path, { metadata: { name: 'b' } }), expected: [201] },
  ];

  it('tells which answer was wrong', async () => {
    const { failure } = await runWorld(sequence, { seed: 1 });
    assert.equal(failure?.index, 3);
    assert.match(failure.problem, /^answered 409 where upstream answers 201/);
  });

  it('finds the fewest requests that lead there', async () => {
    const { failure } = await runWorld(sequence, { seed: 1 });
    assert.ok(failure);
    const { requests } = await shrink(sequence, failure, { seed: 1 });
    assert.deepEqual(
      requests.map((request) => JSON.parse(Buffer.from(request.body ?? []).toString())),
      [{ metadata: { name: 'b' } }, { metadata: { name: 'b' } }],
    );
  });
});
