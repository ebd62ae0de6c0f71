/** Runs the chosen specs: those that stand each other first, then the [Serial] ones alone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { build, chosenSpecs } from './build.ts';
import { say } from './command.ts';
import { grown, judge, readExpectations, writeExpectations } from './expectations.ts';
import type { Folders } from './folders.ts';
import { readResults } from './junit.ts';
import { Progress } from './progress.ts';
import { showReport } from './report.ts';
import { runnerFlags, type Selection } from './selection.ts';

/** Whether at least one spec ran and none that was expected to pass did not. */
export async function run(selection: Selection, folders: Folders): Promise<boolean> {
  build(folders);
  const expected = readExpectations();
  const time = new Date().toISOString().replace(/[-:]|\..*/g, '');
  const out = resolve(selection.out ?? join(folders.runs, time));
  mkdirSync(out, { recursive: true });
  for (const file of readdirSync(out))
    if (/^junit_.*\.xml$/.test(file)) rmSync(join(out, file), { force: true });
  const passes =
    selection.procs === 1
      ? [{ name: 'all', procs: 1 }]
      : [
          { name: 'parallel', procs: selection.procs, serial: false },
          { name: 'serial', procs: 1, serial: true },
        ];
  const chosen: string[] = [];
  for (const { name, procs, ...which } of passes) {
    const flags = runnerFlags(selection, { ...which, expected });
    const specs = chosenSpecs(folders, flags);
    if (specs.length === 0) continue;
    chosen.push(...specs);
    say(`${name}: ${specs.length} specs, ${procs} at a time`);
    await runPass({ name, procs, flags, total: specs.length, out }, selection, folders);
  }
  if (chosen.length === 0) throw new Error('No spec matches');
  const results = readResults(out);
  showReport(results, folders);
  say(`Logs and results: ${out}`);
  const verdict = judge(expected, chosen, results);
  for (const name of verdict.broken) say(`EXPECTED TO PASS: ${name}`);
  if (selection.update) writeExpectations(grown(expected, verdict.fresh));
  else if (verdict.fresh.length > 0)
    say(`${verdict.fresh.length} specs pass that expectations.txt does not name: see --update`);
  return results.some(({ result }) => result === 'pass') && verdict.broken.length === 0;
}

interface Pass {
  readonly name: string;
  readonly procs: number;
  readonly flags: readonly string[];
  readonly total: number;
  readonly out: string;
}

async function runPass(pass: Pass, selection: Selection, folders: Folders): Promise<void> {
  const { name, procs, flags, total, out } = pass;
  const runner = ['run', `--procs=${procs}`, `--timeout=${selection.timeout}`, ...flags];
  const suite = [
    `--kubeconfig=${resolve(selection.kubeconfig)}`,
    `--kubectl-path=${join(folders.binaries, 'kubectl')}`,
    `--report-dir=${out}`,
    `--report-prefix=${name}_`,
    '--provider=skeleton',
    '--disable-log-dump',
    '--dump-logs-on-failure=false',
    ...(selection.contentType === undefined
      ? []
      : [`--kube-api-content-type=${selection.contentType}`]),
  ];
  const quiet = ['--no-color', '--silence-skips', '-v', '--flake-attempts=0'];
  const program = join(folders.binaries, 'e2e.test');
  const child = spawn(
    join(folders.binaries, 'ginkgo'),
    [...runner, ...quiet, program, '--', ...suite],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const log = createWriteStream(join(out, `${name}.log`));
  child.stdout.pipe(log);
  const progress = new Progress(total);
  for await (const line of createInterface({ input: child.stdout })) tell(progress.line(line));
  tell(progress.end());
  // Its exit status tells of failures that the results tell of better.
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  if (!log.writableFinished) await once(log, 'finish');
}

function tell(line: string | undefined): void {
  if (line !== undefined) say(line);
}
