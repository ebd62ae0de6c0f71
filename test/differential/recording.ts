/** Upstream's answers in a file, so that they can be compared with where there is no upstream. */
import { readFileSync, writeFileSync } from 'node:fs';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Answer } from './model.ts';
import type { Answers } from './run.ts';

export function writeRecording(path: string, answers: Answers): void {
  const lines = [...answers].map((entry) => JSON.stringify(entry));
  const params = {
    [constants.ZSTD_c_compressionLevel]: 15,
    [constants.ZSTD_c_windowLog]: 26,
    [constants.ZSTD_c_enableLongDistanceMatching]: 1,
  };
  writeFileSync(path, zstdCompressSync(lines.join('\n'), { params }));
}

export function readRecording(path: string): Answers {
  const params = { [constants.ZSTD_d_windowLogMax]: 27 };
  const text = zstdDecompressSync(readFileSync(path), { params }).toString();
  return new Map(text.split('\n').map((line) => JSON.parse(line) as [string, Answer[]]));
}
