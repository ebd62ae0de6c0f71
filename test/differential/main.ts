/** `npm run differential`: asks, compares, reports. */
import { parseArgs } from 'node:util';
import { judgeFixtures } from './access/fixtures.ts';
import { compare, type Difference } from './compare.ts';
import type { Corpus } from './corpus.ts';
import { explanationOf } from './explained.ts';
import type { Case, Subject } from './model.ts';
import { readRecording, writeRecording } from './recording.ts';
import { type Outcome, summary, writeReport, writeUnexplained } from './report.ts';
import { type Answers, askAll } from './run.ts';
import { sampled, writeSample } from './sample-file.ts';
import { ourServer, serverOf } from './servers.ts';
import { ACCESS, OBJECTS, type Suite } from './suites.ts';

const USAGE =
  'npm run differential -- [--access] (--against KUBECONFIG | --replay FILE) [--only WORDS] [--out DIR] [--record FILE] [--sample DIR] | --fixtures DIR';

/** Answers the exit code: 0 when nothing differs that is not explained. */
export async function differential(words: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...words],
    options: {
      access: { type: 'boolean' },
      against: text,
      fixtures: text,
      replay: text,
      only: text,
      out: text,
      record: text,
      sample: text,
      seed: text,
    },
  });
  if (values.fixtures !== undefined) return judged(values.fixtures);
  const seed = Number(values.seed ?? 1);
  const suite = values.access === true ? ACCESS : OBJECTS;
  const version = suite.version(seed);
  const corpus = suite.corpus({
    only: (values.only ?? '')
      .toLowerCase()
      .split(/[\s,]+/)
      .filter(Boolean),
    seed,
  });
  const theirs = await theirAnswers({ suite, corpus, version }, values);
  const ours = await answersOf(suite, await ourServer(), corpus);
  if (values.sample !== undefined)
    writeSample(values.sample, version, {
      corpus: sampled(corpus, (entry) => suite.sampleOneIn(entry)),
      ours,
      theirs,
    });
  const outcome = outcomeOf(casesOf(corpus), ours, theirs);
  if (values.sample !== undefined) writeUnexplained(values.sample, outcome);
  if (values.out !== undefined) writeReport(values.out, outcome);
  process.stdout.write(summary(outcome));
  return outcome.differences.some(({ isWording }) => !isWording) ? 1 : 0;
}

/** Upstream's fixtures of the levels of pod security, without a server of either. */
function judged(folder: string): number {
  const { pods, wrong } = judgeFixtures(folder);
  const lines = wrong.map((path) => `${path}\n`).join('');
  process.stdout.write(`${lines}${pods} fixtures, ${wrong.length} judged otherwise.\n`);
  return pods === 0 || wrong.length > 0 ? 1 : 0;
}

interface Asked {
  readonly suite: Suite;
  readonly corpus: Corpus;
  readonly version: string;
}

async function theirAnswers(
  { suite, corpus, version }: Asked,
  {
    against,
    replay,
    record,
  }: {
    readonly against?: string | undefined;
    readonly replay?: string | undefined;
    readonly record?: string | undefined;
  },
): Promise<Answers> {
  if (replay !== undefined) return readRecording(replay, version);
  if (against === undefined) throw new Error(`There is nothing to compare with: ${USAGE}`);
  const answers = await answersOf(suite, serverOf(against), corpus);
  if (record !== undefined) writeRecording(record, answers, version);
  return answers;
}

async function answersOf(suite: Suite, server: Subject, corpus: Corpus): Promise<Answers> {
  const subject = suite.prepare(server);
  const began = Date.now();
  try {
    return await askAll(subject, corpus);
  } finally {
    await subject.close();
    process.stderr.write(`${subject.name}: ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
  }
}

/** The cases, and the storing of objects between them. */
function casesOf({ creates, stored, others }: Corpus): Case[] {
  return [
    ...creates,
    ...others,
    ...stored.map(
      (request): Case => ({
        id: `store ${request.url} ${JSON.stringify(request.body).slice(0, 120)}`,
        kind: 'storing',
        requests: [request],
      }),
    ),
  ];
}

function outcomeOf(all: readonly Case[], ours: Answers, theirs: Answers): Outcome {
  const cases = all.filter(({ id }) => theirs.has(id));
  const found = cases
    .map((entry) => compare(entry, ours.get(entry.id) ?? [], theirs.get(entry.id) ?? []))
    .filter((difference): difference is Difference => difference !== undefined);
  const explained = found.flatMap((difference) => {
    const why = explanationOf(difference);
    return why === undefined ? [] : [{ difference, why }];
  });
  const known = new Set(explained.map(({ difference }) => difference));
  return { cases, theirs, differences: found.filter((each) => !known.has(each)), explained };
}
