/**
 * A part of a recording, small enough to lie beside the tests: fingerprints of upstream's answers
 * to some of the corpus' cases, and the ids of those that we are known to answer otherwise.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Corpus } from './corpus.ts';
import { fingerprint } from './fingerprint.ts';
import { isGolden } from './golden-cases.ts';
import type { Case } from './model.ts';
import type { Answers } from './run.ts';

/** Where the sample of the first corpus lies. */
export const SAMPLE_FOLDER = join(import.meta.dirname, 'recorded');
const SAMPLE = 'sample.jsonl.zst';
const KNOWN = 'known.txt';

export interface Sample {
  readonly corpusVersion: string;
  /** What upstream answered to each request of a case, by the case's id. */
  readonly fingerprints: ReadonlyMap<string, readonly string[]>;
  /** Ids of cases that we answer otherwise, until they are mended. */
  readonly known: ReadonlySet<string>;
}

/** The cases that a sample has answers to: one in `oneIn` of its like. Golden data is not everybody's. */
export function sampled(corpus: Corpus, oneIn: (entry: Case) => number): Corpus {
  const isChosen = (entry: Case): boolean =>
    !isGolden(entry.id) && numberOf(entry.id) % oneIn(entry) === 0;
  return {
    ...corpus,
    creates: corpus.creates.filter(isChosen),
    others: corpus.others.filter(isChosen),
  };
}

function numberOf(id: string): number {
  return createHash('sha256').update(id).digest().readUInt32BE(0);
}

/** Ids of cases whose answers are not those of `fingerprints`. */
export function differing(
  answers: Answers,
  fingerprints: Sample['fingerprints'],
): readonly string[] {
  return [...fingerprints]
    .filter(([id, theirs]) => prints(answers, id).join('\n') !== theirs.join('\n'))
    .map(([id]) => id);
}

function prints(answers: Answers, id: string): string[] {
  return (answers.get(id) ?? []).map(fingerprint);
}

/** Writes the sample of a run: upstream's answers to `corpus`' cases, and where ours are others. */
export function writeSample(
  folder: string,
  version: string,
  { corpus, ours, theirs }: { corpus: Corpus; ours: Answers; theirs: Answers },
): void {
  const { creates, others } = corpus;
  const fingerprints = new Map(
    [...creates, ...others]
      .filter(({ id }) => theirs.get(id)?.every(({ status }) => status > 0) === true)
      .map(({ id }) => [id, prints(theirs, id)]),
  );
  const lines = [JSON.stringify({ corpusVersion: version })];
  for (const entry of fingerprints) lines.push(JSON.stringify(entry));
  writeFileSync(join(folder, SAMPLE), zstdCompressSync(lines.join('\n')));
  const known = differing(ours, fingerprints).toSorted();
  writeFileSync(join(folder, KNOWN), known.map((id) => `${id}\n`).join(''));
}

export function readSample(folder: string): Sample {
  const text = zstdDecompressSync(readFileSync(join(folder, SAMPLE))).toString();
  const [head = '', ...lines] = text.split('\n');
  const { corpusVersion } = JSON.parse(head) as { corpusVersion: string };
  const known = readFileSync(join(folder, KNOWN), 'utf8').split('\n').filter(Boolean);
  return {
    corpusVersion,
    fingerprints: new Map(lines.map((line) => JSON.parse(line) as [string, string[]])),
    known: new Set(known),
  };
}
