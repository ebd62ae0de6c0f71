/**
 * Asks our API server a part of the differential test's questions, and compares with what upstream
 * answered when it was recorded. See README.md here for how to record anew.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fingerprint } from './fingerprint.ts';
import type { Answer } from './model.ts';
import { askAll } from './run.ts';
import { differing, readSample, SAMPLE_FOLDER, sampled } from './sample-file.ts';
import { ourServer } from './servers.ts';
import { OBJECTS } from './suites.ts';

const SEED = 1;

describe('what upstream was recorded to answer', () => {
  const sample = readSample(SAMPLE_FOLDER);

  it('is about the questions that are asked today', () => {
    assert.equal(
      OBJECTS.version(SEED),
      sample.corpusVersion,
      'The corpus is another: record again, as README.md says',
    );
  });

  it('is what we answer, but for the cases of known.txt', async () => {
    const server = await ourServer();
    const corpus = sampled(OBJECTS.corpus({ only: [], seed: SEED }), (entry) =>
      OBJECTS.sampleOneIn(entry),
    );
    const answers = await askAll(server, corpus, { isLast: true });
    await server.close();
    const found = differing(answers, sample.fingerprints);
    assert.deepEqual(
      found
        .filter((id) => !sample.known.has(id))
        .map((id) => ({
          id,
          ours: (answers.get(id) ?? []).map(fingerprint),
          theirs: sample.fingerprints.get(id),
        })),
      [],
    );
  });
});

describe('fingerprint()', () => {
  const refusal = (field: string, message: string): Answer => ({
    status: 422,
    headers: { 'content-type': 'application/json' },
    body: {
      kind: 'Status',
      reason: 'Invalid',
      message,
      details: { name: 'a', causes: [{ reason: 'FieldValueRequired', field, message }] },
    },
  });

  it('tells fields and reasons apart, not messages', () => {
    assert.equal(fingerprint(refusal('spec.a', 'one')), fingerprint(refusal('spec.a', 'another')));
    assert.notEqual(fingerprint(refusal('spec.a', '')), fingerprint(refusal('spec.b', '')));
  });

  it('tells objects and headers apart', () => {
    const object = (body: Answer['body'], warning: string): Answer => ({
      status: 200,
      headers: { warning },
      body,
    });
    const first = fingerprint(object({ a: 1 }, '299 - "a", 299 - "b"'));
    assert.equal(first, fingerprint(object({ a: 1 }, '299 - "a", 299 - "b"')));
    assert.notEqual(first, fingerprint(object({ a: 2 }, '299 - "a", 299 - "b"')));
    assert.notEqual(first, fingerprint(object({ a: 1 }, '299 - "a"')));
  });
});
