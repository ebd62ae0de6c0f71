/**
 * Functions fit on a screen, files are one room.
 *
 * Of functions only the red zone is refused, what has just outgrown the limit: a list that is long
 * because it is a list may stay, and nothing new becomes a giant unnoticed.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { functionsOf } from './functions.ts';
import { isForTests, type SourceFile, sourceFiles } from './source-files.ts';

const FUNCTION_LINES_MAX = 70;
const RED_ZONE_LINES_MAX = 80;
const FILE_LINES_MAX = 600;

const isGenerated = (path: string): boolean => path.startsWith('src/api/gen/');

/** Functions that have just outgrown the limit. */
export function longFunctions({ path, text }: SourceFile): string[] {
  return functionsOf(text)
    .filter(({ lines }) => lines > FUNCTION_LINES_MAX && lines <= RED_ZONE_LINES_MAX)
    .map(({ name, line, lines }) => `${path}:${line}: ${name} has ${lines} lines`);
}

export function longFile({ path, text }: SourceFile): string[] {
  const lines = text.split('\n').length - 1;
  return lines > FILE_LINES_MAX ? [`${path} has ${lines} lines`] : [];
}

/** `head`, so many lines of a body, and what closes it. */
function block(head: string, lines: number, tail = '}'): string {
  return [head, ...Array.from({ length: lines }, () => '    run();'), tail].join('\n');
}

describe('sizes', () => {
  const files = sourceFiles().filter(({ path }) => !isGenerated(path));

  it('no function has just outgrown a screen', () => {
    const product = files.filter(({ path }) => !isForTests(path));
    assert.deepEqual(product.flatMap(longFunctions), []);
  });

  it('no file is longer than one room', () => {
    assert.deepEqual(files.flatMap(longFile), []);
  });

  const found: readonly (readonly [head: string, name: string, tail?: string])[] = [
    ['function run(): void {', 'run'],
    ['export async function* run<T extends object>(a: T): AsyncGenerator<T> {', 'run'],
    ['function run(\n  a: string,\n  { b }: { readonly b: number },\n): Promise<void> {', 'run'],
    ['function run({\n  a,\n  b,\n}: Options): void {', 'run'],
    ['export const run = (a: string): string => {', 'run', '};'],
    ['const run: Handler = async (request) => {', 'run', '};'],
    ['  run(): void {', 'run', '  }'],
    ['  static async run(\n    a: string,\n  ): Promise<void> {', 'run', '  }'],
    ['  #run(a: string): void {', '#run', '  }'],
    ['  get run(): number {', 'run', '  }'],
    ['  run: (next, old) => {', 'run', '  },'],
  ];
  for (const [head, name, tail = '}'] of found) {
    it(`finds ${JSON.stringify(head)}`, () => {
      const lines = 5 + head.split('\n').length + 1;
      const text = `${block(head, 5, tail)}\n\nfunction after(): void {\n}\n`;
      assert.deepEqual(
        functionsOf(text).map((each) => [each.name, each.lines]),
        [
          [name, lines],
          ['after', 2],
        ],
      );
    });
  }

  const others = [
    '  if (a) {',
    '  for (const a of b) {',
    '  while (true) {',
    '  switch (a) {',
    'export interface Run {',
    'class Run {',
    'const run = {',
    'run(1);',
    'const run = other(1);',
    'export type Run = (a: string) => void;',
    'abstract run(): void;',
  ];
  for (const head of others) {
    it(`finds no function in ${JSON.stringify(head)}`, () => {
      assert.deepEqual(functionsOf(`${head}\n  a();\n}\n`), []);
    });
  }

  it('reports what is in the red zone, and only that', () => {
    const report = (lines: number): string[] =>
      longFunctions({ path: 'a.ts', text: block('function run(): void {', lines - 2) });
    assert.deepEqual(report(FUNCTION_LINES_MAX), []);
    assert.deepEqual(report(FUNCTION_LINES_MAX + 1), ['a.ts:1: run has 71 lines']);
    assert.deepEqual(report(RED_ZONE_LINES_MAX), ['a.ts:1: run has 80 lines']);
    assert.deepEqual(report(RED_ZONE_LINES_MAX + 1), []);
  });

  it('reports a file that is too long', () => {
    const text = '\n'.repeat(FILE_LINES_MAX);
    assert.deepEqual(longFile({ path: 'a.ts', text }), []);
    assert.deepEqual(longFile({ path: 'a.ts', text: `${text}\n` }), ['a.ts has 601 lines']);
  });
});
