/** Runs the stories of one file in a process of their own, until one fails. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { WITHOUT_FIELD } from '../kit/blindness.ts';

const ROOT = join(import.meta.dirname, '../..');
const FAILURE = /^ *not ok \d+ - (.*)$/m;

/**
 * The name of the first test in `test/stories/<story>.test.ts` that fails when controllers do not
 * know the field (`deployments.apps spec.replicas`; empty: nothing is hidden), or that there was no
 * end within the limit; undefined: all hold.
 */
export async function runStory(
  story: string,
  field: string,
  limitMs: number,
): Promise<string | undefined> {
  const file = join(ROOT, 'test/stories', `${story}.test.ts`);
  const child = spawn(process.execPath, ['--test-reporter=tap', file], {
    cwd: ROOT,
    env: { ...process.env, [WITHOUT_FIELD]: field },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (data: Buffer) => {
    said += data.toString();
    // One is enough.
    if (FAILURE.test(said)) child.kill('SIGKILL');
  });
  // A controller that never rests lets its own process answer to nothing else.
  let late: string | undefined;
  const limit = setTimeout(() => {
    late = `no end within ${Math.round(limitMs / 1000)} s`;
    child.kill('SIGKILL');
  }, limitMs);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(limit);
  const [, name = late] = FAILURE.exec(said) ?? [];
  if (name === undefined && code !== 0) throw new Error(`${story} ended with ${code}:\n${said}`);
  return name;
}
