/**
 * Shows that each documented field of a workload kind has a test that fails without it: runs the
 * stories of the kind with controllers that are blind for the field, until one fails.
 *
 *   npm run fields                            # all of them
 *   npm run fields -- --only deployments.apps # those whose name begins so
 *
 * Ends with 1 when there is a field that no story needs.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { WITHOUT_FIELD } from '../kit/blindness.ts';
import { type Field, workloadFields } from './fields.ts';

const ROOT = join(import.meta.dirname, '../..');
const FAILURE = /^ *not ok \d+ - (.*)$/m;

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });

/** The first story that fails without the field; undefined: all hold. */
async function failingStory({ resource, path, stories }: Field): Promise<string | undefined> {
  for (const story of stories) {
    const file = `test/stories/${story}.test.ts`;
    const child = spawn(process.execPath, ['--test', '--test-reporter=tap', file], {
      cwd: ROOT,
      env: { ...process.env, [WITHOUT_FIELD]: `${resource} ${path}` },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (data: Buffer) => {
      said += data.toString();
      // One is enough.
      if (FAILURE.test(said)) child.kill();
    });
    await once(child, 'close');
    const [, name] = FAILURE.exec(said) ?? [];
    if (name !== undefined) return `${story}: ${name}`;
  }
  return undefined;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

let missing = 0;
for (const field of workloadFields()) {
  const name = `${field.resource} ${field.path}`;
  if (!name.startsWith(values.only)) continue;
  if (field.elsewhere !== undefined) {
    say(`elsewhere  ${name} (${field.elsewhere})`);
    continue;
  }
  const story = await failingStory(field);
  if (story === undefined) missing++;
  say(story === undefined ? `NO STORY   ${name}` : `needed     ${name} (${story})`);
}
process.exitCode = missing === 0 ? 0 : 1;
