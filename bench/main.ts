/** `npm run bench -- NAME`: measures, says what it does meanwhile, and prints a table at the end. */
import { API } from './api.ts';
import type { ApiBench } from './api/bench.ts';
import { coxswainServer } from './api/coxswain-server.ts';
import { kubeconfigServer } from './api/kubeconfig-server.ts';
import type { ApiSubject } from './api/subject.ts';
import { upstreamServer } from './api/upstream-server.ts';
import { type Arguments, choose, parseArguments } from './arguments.ts';
import { coxswain } from './coxswain.ts';
import { DNS_MEASUREMENTS, type DnsBench } from './dns.ts';
import { coreDns } from './dns/subjects.ts';
import { busyText, loadText, machineText } from './machine.ts';
import { NODE_MEASUREMENTS } from './node.ts';
import type { Bench, Rounds, Upstream } from './rounds.ts';
import { Scope } from './scope.ts';
import { coxswainScheduler } from './scheduling/coxswain-scheduler.ts';
import { upstreamScheduler } from './scheduling/upstream-scheduler.ts';
import { type SchedulingBench, schedulingMeasurements } from './scheduling.ts';
import { START } from './start.ts';
import { warmed } from './subject.ts';
import { renderTable, type Row } from './table.ts';
import { WORKLOADS } from './workloads.ts';
import { checkBinaries, LIMITS_LIFTED, upstream } from './upstream.ts';

/** A shell's exit codes of commands that Ctrl-C or SIGTERM ended. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Benches that start clusters of their own. */
const OF_CLUSTERS = { start: START, workloads: WORKLOADS, node: NODE_MEASUREMENTS };

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

async function run(words: Arguments, scope: Scope): Promise<number> {
  const { rounds } = words;
  const isCompared = (words.against ?? words.againstKubeconfig) !== undefined;
  const shown: string[] = [];
  let failures = 0;
  const common: Rounds = {
    rounds,
    scope,
    say,
    show: (text) => shown.push(text),
    fail(what, error) {
      failures++;
      // What ends because the bench is ending is no news.
      if (!scope.isClosing) say(`Cannot measure: ${what}: ${messageOf(error)}`);
    },
  };
  const steps = stepsOf(words, common);
  const loadBefore = loadText();
  const busy = busyText();
  if (busy !== undefined) say(busy);
  const rows: Row[] = [];
  for (const step of steps) rows.push(...(await step()));
  scope.throwIfClosing();
  const lines = [
    machineText(),
    `Load average: ${loadBefore} at the start, ${loadText()} at the end.${busy === undefined ? '' : ` ${busy}`}`,
    `Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, with the least and the most.`,
    ...(isCompared ? ['ratio: Coxswain / upstream.'] : []),
  ];
  process.stdout.write(`${lines.join('\n')}\n\n${renderTable(rows, isCompared)}`);
  for (const text of shown) process.stdout.write(`\n${text}`);
  return failures === 0 ? 0 : 1;
}

/** What the named bench measures, one after the other. */
function stepsOf(words: Arguments, common: Rounds): (() => Promise<readonly Row[]>)[] {
  const { scope } = common;
  const { name, against, againstKubeconfig, only } = words;
  switch (name) {
    case 'start':
    case 'workloads':
    case 'node': {
      if (againstKubeconfig !== undefined)
        throw new Error('Cannot compare with a server that runs already: use --against');
      const bench: Bench = {
        ...common,
        coxswain: warmed(coxswain(scope)),
        upstream: against === undefined ? undefined : upstreamIn(against),
      };
      return choose(OF_CLUSTERS[name], only).map((measurement) => () => measurement.run(bench));
    }
    case 'dns': {
      if (againstKubeconfig !== undefined)
        throw new Error('Cannot start a DNS for a server that runs already: use --against');
      const bench: DnsBench = {
        ...common,
        coxswain: coxswain(scope),
        upstream: against === undefined ? undefined : coreDns(against),
      };
      return choose(DNS_MEASUREMENTS, only).map((measurement) => () => measurement.run(bench));
    }
    case 'api': {
      const bench: ApiBench = {
        ...common,
        coxswain: coxswainServer(scope),
        upstream: apiSubjectOf(words),
        pods: words.pods,
      };
      return choose(API, only).map((measurement) => () => measurement.run(bench));
    }
    case 'scheduling': {
      if (againstKubeconfig !== undefined)
        throw new Error('Cannot start a scheduler for a server that runs already: use --against');
      if (against !== undefined) checkBinaries(against);
      const bench: SchedulingBench = {
        ...common,
        coxswain: coxswainScheduler(scope),
        upstream: against === undefined ? undefined : upstreamScheduler(against),
      };
      const scale = { nodes: words.scale, pods: words.scale };
      return choose(schedulingMeasurements(scale), only).map(
        (measurement) => () => measurement.run(bench),
      );
    }
    default:
      throw new Error(
        `There is no bench ${name}: known are start, api, scheduling, workloads, node, dns`,
      );
  }
}

function apiSubjectOf({ against, againstKubeconfig }: Arguments): ApiSubject | undefined {
  if (againstKubeconfig !== undefined) return kubeconfigServer(againstKubeconfig);
  if (against === undefined) return undefined;
  checkBinaries(against);
  return upstreamServer(against);
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
