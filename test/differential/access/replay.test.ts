/**
 * Asks our API server a part of the questions about access and admission, and compares with what
 * upstream answered when it was recorded. See ../README.md for how to record anew.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fingerprint } from '../fingerprint.ts';
import { askAll } from '../run.ts';
import { differing, readSample, sampled } from '../sample-file.ts';
import { ourServer } from '../servers.ts';
import { ACCESS } from '../suites.ts';

const SEED = 1;
/** Differences that a failure shows: one fault may make thousands. */
const SHOWN = 20;

describe('what upstream was recorded to answer about access and admission', () => {
  const sample = readSample(join(import.meta.dirname, 'recorded'));

  it('is about the questions that are asked today', () => {
    assert.equal(
      ACCESS.version(SEED),
      sample.corpusVersion,
      'The corpus is another: record again, as README.md says',
    );
  });

  it('is what we answer, but for the cases of known.txt', async () => {
    const server = ACCESS.prepare(await ourServer());
    const corpus = sampled(ACCESS.corpus({ only: [], seed: SEED }), (entry) =>
      ACCESS.sampleOneIn(entry),
    );
    const answers = await askAll(server, corpus, { isLast: true });
    await server.close();
    assert.deepEqual(
      differing(answers, sample.fingerprints)
        .filter((id) => !sample.known.has(id))
        .slice(0, SHOWN)
        .map((id) => ({
          id,
          ours: (answers.get(id) ?? []).map(fingerprint),
          theirs: sample.fingerprints.get(id),
        })),
      [],
    );
  });

  it('is of every part', () => {
    const ids = [...sample.fingerprints.keys()];
    for (const part of [
      'rbac access',
      'rbac write',
      'node n1:',
      'pod security',
      'defaults of pods',
    ])
      assert.ok(ids.filter((id) => id.startsWith(part)).length > 10, part);
  });
});
