/**
 * Upstream's answers in a file, so that they can be compared with where there is no upstream. The
 * first line names the corpus that was asked: answers to other questions say nothing.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Answer } from './model.ts';
import type { Answers } from './run.ts';

export function writeRecording(path: string, answers: Answers, corpusVersion: string): void {
  const lines = [JSON.stringify({ corpusVersion }), ...[...answers].map(lineOf)];
  const params = {
    [constants.ZSTD_c_compressionLevel]: 15,
    [constants.ZSTD_c_windowLog]: 26,
    [constants.ZSTD_c_enableLongDistanceMatching]: 1,
  };
  writeFileSync(path, zstdCompressSync(lines.join('\n'), { params }));
}

/** Throws when the recording is of another corpus than `corpusVersion`. */
export function readRecording(path: string, corpusVersion: string): Answers {
  const params = { [constants.ZSTD_d_windowLogMax]: 27 };
  const text = zstdDecompressSync(readFileSync(path), { params }).toString();
  const [head = '', ...lines] = text.split('\n');
  const recorded = (JSON.parse(head) as { corpusVersion?: string }).corpusVersion;
  if (recorded !== corpusVersion)
    throw new Error(
      `Cannot replay ${path}: it answers the corpus ${recorded ?? 'of no version'}, and this is ${corpusVersion}; record again (--against KUBECONFIG --record FILE)`,
    );
  return new Map(lines.map((line) => JSON.parse(line) as [string, Answer[]]));
}

function lineOf(entry: [id: string, answers: readonly Answer[]]): string {
  return JSON.stringify(entry);
}
