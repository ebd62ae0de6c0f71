/**
 * Shows that each documented field of a workload kind has a test that fails without it: runs the
 * stories of the kind with controllers that are blind for the field, until one fails.
 *
 *   npm run fields                            # all of them
 *   npm run fields -- --only deployments.apps # those whose name begins so
 *
 * Ends with 1 when there is a field that no story needs, or a story that fails with all fields.
 */
import { parseArgs } from 'node:util';
import { type Field, workloadFields } from './fields.ts';
import { runStory } from './story.ts';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });

/** All that a file of stories may take when nothing is hidden. */
const WHOLE_LIMIT_MS = 300_000;
/** Controllers that are blind may work for ever: so many times what the file takes otherwise. */
const PATIENCE = 4;
const PATIENCE_MIN_MS = 20_000;

/** How long a story may take, by its name. Only of one that holds do failures tell anything. */
const limitsMs = new Map<string, number>();

async function limitOf(story: string): Promise<number> {
  const known = limitsMs.get(story);
  if (known !== undefined) return known;
  const startedMs = performance.now();
  const failure = await runStory(story, '', WHOLE_LIMIT_MS);
  if (failure !== undefined) throw new Error(`${story} fails with all fields: ${failure}`);
  const limitMs = Math.max(PATIENCE * (performance.now() - startedMs), PATIENCE_MIN_MS);
  limitsMs.set(story, limitMs);
  return limitMs;
}

/** The first story that fails without the field; undefined: all hold. */
async function failingStory({ resource, path, stories }: Field): Promise<string | undefined> {
  for (const story of stories) {
    const failure = await runStory(story, `${resource} ${path}`, await limitOf(story));
    if (failure !== undefined) return `${story}: ${failure}`;
  }
  return undefined;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const counts = { needed: 0, elsewhere: 0, missing: 0 };
for (const field of workloadFields()) {
  const name = `${field.resource} ${field.path}`;
  if (!name.startsWith(values.only)) continue;
  if (field.elsewhere !== undefined) {
    counts.elsewhere++;
    say(`elsewhere  ${name} (${field.elsewhere})`);
    continue;
  }
  const story = await failingStory(field);
  counts[story === undefined ? 'missing' : 'needed']++;
  say(story === undefined ? `NO STORY   ${name}` : `needed     ${name} (${story})`);
}
const { needed, elsewhere, missing } = counts;
say(`${needed} needed, ${elsewhere} elsewhere, ${missing} without a story`);
process.exitCode = missing === 0 ? 0 : 1;
