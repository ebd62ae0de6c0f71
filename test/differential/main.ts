/** `npm run differential`: asks, compares, reports. */
import { parseArgs } from 'node:util';
import { compare, type Difference } from './compare.ts';
import { type Corpus, corpusOf, corpusVersion } from './corpus.ts';
import { explanationOf } from './explained.ts';
import type { Case } from './model.ts';
import { readRecording, writeRecording } from './recording.ts';
import { type Outcome, summary, writeReport, writeUnexplained } from './report.ts';
import { type Answers, askAll } from './run.ts';
import { writeSample } from './sample-file.ts';
import { ourServer, serverOf } from './servers.ts';

const USAGE =
  'npm run differential -- (--against KUBECONFIG | --replay FILE) [--only WORDS] [--out DIR] [--record FILE] [--sample DIR]';

/** Answers the exit code: 0 when nothing differs that is not explained. */
export async function differential(words: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...words],
    options: {
      against: text,
      replay: text,
      only: text,
      out: text,
      record: text,
      sample: text,
      seed: text,
    },
  });
  const seed = Number(values.seed ?? 1);
  const version = corpusVersion(seed);
  const corpus = corpusOf({
    only: (values.only ?? '')
      .toLowerCase()
      .split(/[\s,]+/)
      .filter(Boolean),
    seed,
  });
  const theirs = await theirAnswers(corpus, { ...values, version });
  const ours = await answersOf(ourServer(), corpus);
  if (values.sample !== undefined) writeSample(values.sample, version, { corpus, ours, theirs });
  const outcome = outcomeOf(casesOf(corpus), ours, theirs);
  if (values.sample !== undefined) writeUnexplained(values.sample, outcome);
  if (values.out !== undefined) writeReport(values.out, outcome);
  process.stdout.write(summary(outcome));
  return outcome.differences.some(({ isWording }) => !isWording) ? 1 : 0;
}

async function theirAnswers(
  corpus: Corpus,
  {
    against,
    replay,
    record,
    version,
  }: {
    readonly against?: string | undefined;
    readonly replay?: string | undefined;
    readonly record?: string | undefined;
    readonly version: string;
  },
): Promise<Answers> {
  if (replay !== undefined) return readRecording(replay, version);
  if (against === undefined) throw new Error(`There is nothing to compare with: ${USAGE}`);
  const answers = await answersOf(serverOf(against), corpus);
  if (record !== undefined) writeRecording(record, answers, version);
  return answers;
}

async function answersOf(
  starting: ReturnType<typeof ourServer> | ReturnType<typeof serverOf>,
  corpus: Corpus,
): Promise<Answers> {
  const subject = await starting;
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
