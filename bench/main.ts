/** `npm run bench -- NAME`: measures, says what it does meanwhile, and prints a table at the end. */
import { type Arguments, choose, parseArguments } from './arguments.ts';
import { coxswain } from './coxswain.ts';
import { busyText, loadText, machineText } from './machine.ts';
import type { Bench, Measurement, Upstream } from './rounds.ts';
import { Scope } from './scope.ts';
import { START } from './start.ts';
import { warmed } from './subject.ts';
import { renderTable, type Row } from './table.ts';
import { checkBinaries, LIMITS_LIFTED, upstream } from './upstream.ts';

const BENCHES: Readonly<Record<string, readonly Measurement[]>> = { start: START };

/** A shell's exit codes of commands that Ctrl-C or SIGTERM ended. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Answers the exit code: 0 when everything could be measured, whatever the figures are. */
async function main(words: readonly string[]): Promise<number> {
  const scope = new Scope();
  const end = async (): Promise<void> => {
    for (const problem of await scope.close()) say(`Cannot clean up: ${messageOf(problem)}`);
  };
  let interrupted: number | undefined;
  for (const [signal, code] of Object.entries(EXIT_CODES)) {
    process.once(signal, () => {
      say('Stopping …');
      interrupted = code;
      const leave = (): never => process.exit(code);
      end().then(leave, leave);
    });
  }
  let code = 1;
  try {
    code = await run(parseArguments(words), scope);
  } catch (error) {
    if (interrupted === undefined) say(messageOf(error));
  }
  await end();
  return interrupted ?? code;
}

async function run({ name, rounds, against, only }: Arguments, scope: Scope): Promise<number> {
  const all = BENCHES[name];
  if (all === undefined)
    throw new Error(`There is no bench ${name}: known are ${Object.keys(BENCHES).join(', ')}`);
  const measurements = choose(all, only);
  let failures = 0;
  const bench: Bench = {
    rounds,
    scope,
    coxswain: warmed(coxswain(scope)),
    upstream: against === undefined ? undefined : upstreamIn(against),
    say,
    fail(what, error) {
      failures++;
      // What ends because the bench is ending is no news.
      if (!scope.isClosing) say(`Cannot measure: ${what}: ${messageOf(error)}`);
    },
  };
  const loadBefore = loadText();
  const busy = busyText();
  if (busy !== undefined) say(busy);
  const rows: Row[] = [];
  for (const measurement of measurements) rows.push(...(await measurement.run(bench)));
  scope.throwIfClosing();
  const lines = [
    machineText(),
    `Load average: ${loadBefore} at the start, ${loadText()} at the end.${busy === undefined ? '' : ` ${busy}`}`,
    `Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, with the least and the most.`,
    ...(against === undefined ? [] : ['ratio: Coxswain / upstream.']),
  ];
  process.stdout.write(`${lines.join('\n')}\n\n${renderTable(rows, against !== undefined)}`);
  return failures === 0 ? 0 : 1;
}

function upstreamIn(folder: string): Upstream {
  checkBinaries(folder);
  return {
    subject: warmed(upstream(folder, LIMITS_LIFTED)),
    withDefaultLimits: upstream(folder, undefined),
  };
}

// What is still open by now (idle connections) is nobody's concern any more.
process.exit(await main(process.argv.slice(2)));
