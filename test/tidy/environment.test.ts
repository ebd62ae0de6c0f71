/**
 * Every clock, timer, random number and side effect comes in by the environment: outside the edge
 * (`layers.ts`) nothing reaches for the real one.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EDGE } from '../../layers.ts';
import { codeOf, importsOf, isForTests, sourceFiles } from './source-files.ts';

const GLOBALS: readonly [name: string, pattern: RegExp][] = [
  ['Date.now', /\bDate\.now\b/],
  ['new Date()', /\bnew Date\(\s*\)/],
  ['Date()', /(?<!new )\bDate\(/],
  ['performance', /\bperformance\./],
  ['process.hrtime', /\bprocess\.(hrtime|uptime|nextTick|cpuUsage)\b/],
  ['Temporal', /\bTemporal\./],
  ['timers', /(?<![.\w])(setTimeout|setInterval|setImmediate)\b/],
  ['AbortSignal.timeout', /\bAbortSignal\.timeout\b/],
  ['fetch', /(?<![.\w#])fetch\(/],
  ['WebSocket', /\bnew WebSocket\(/],
  ['Math.random', /\bMath\.random\b/],
  [
    'crypto.randomUUID',
    /\b(randomUUID|randomBytes|randomInt|getRandomValues|randomFillSync|randomFill)\b/,
  ],
];

/** Built-in modules that have no side effect of their own, or none that we use. */
const MODULES = new Set([
  'node:crypto',
  'node:buffer',
  'node:stream',
  'node:util',
  'node:zlib',
  'node:events',
  'node:assert',
  'node:assert/strict',
]);
/** Of those, calls that complete on the thread pool. */
const THREAD_POOL =
  /\b(pbkdf2|scrypt|hkdf|generateKey|generateKeyPair|gzip|gunzip|deflate|inflate|brotliCompress|brotliDecompress|deflateRaw|inflateRaw|subtle)\(/;

/** Names what one file reaches for that it may not. */
export function environmentViolations(path: string, text: string): string[] {
  if (EDGE.some((edge) => path.startsWith(edge)) || isForTests(path)) return [];
  const code = codeOf(text);
  const globals = GLOBALS.filter(([, pattern]) => pattern.test(code)).map(
    ([name]) => `${path}: uses ${name}`,
  );
  const modules = importsOf(text)
    .filter((target) => target.startsWith('node:') && !MODULES.has(target))
    .filter((target) => !isTypeOnly(text, target))
    .map((target) => `${path}: imports ${target}`);
  const pool =
    importsOf(text).some((target) => target === 'node:crypto' || target === 'node:zlib') &&
    THREAD_POOL.test(code);
  return [
    ...globals,
    ...modules,
    ...(pool ? [`${path}: calls what completes on the thread pool`] : []),
  ];
}

function isTypeOnly(text: string, target: string): boolean {
  return new RegExp(`import type [^;]*from '${target}'`).test(text);
}

describe('environment', () => {
  it('nothing outside the edge reaches for the real world', () => {
    assert.deepEqual(
      sourceFiles().flatMap(({ path, text }) => environmentViolations(path, text)),
      [],
    );
  });

  const bad = [
    'const now = Date.now();',
    'const now = new Date();',
    'const t = performance.now();',
    'process.hrtime.bigint();',
    'setTimeout(() => {}, 1);',
    'const timer = setInterval(run, 5);',
    'AbortSignal.timeout(5);',
    "await fetch('http://x');",
    'Math.random();',
    "import { randomUUID } from 'node:crypto';",
    "import { readFileSync } from 'node:fs';",
    "import net from 'node:net';",
    "const fs = await import('node:fs');",
    "import { gzip } from 'node:zlib';\ngzip(bytes, done);",
  ];
  for (const text of bad) {
    it(`finds ${JSON.stringify(text)}`, () => {
      assert.equal(environmentViolations('src/controllers/x.ts', text).length, 1);
      assert.deepEqual(environmentViolations('src/edge/x.ts', text), []);
    });
  }

  const good = [
    'const at = new Date(nowMs).toISOString();',
    '// Date.now() is banned\nconst x = 1;',
    "const text = 'setTimeout(';",
    "import { createHash } from 'node:crypto';",
    "import type { Socket } from 'node:net';",
    'environment.timers.after(1, setTimeoutLater);',
    'this.#client.fetch(x);',
  ];
  for (const text of good) {
    it(`lets ${JSON.stringify(text)} pass`, () => {
      assert.deepEqual(environmentViolations('src/controllers/x.ts', text), []);
    });
  }
});
