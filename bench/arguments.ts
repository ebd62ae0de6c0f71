/** The command line of a bench. What is wrong with it is thrown as an Error that says what to do. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export interface Arguments {
  readonly name: string;
  readonly rounds: number;
  /** Folder with upstream's binaries. */
  readonly against: string | undefined;
  /** Kubeconfig of a server that runs already. */
  readonly againstKubeconfig: string | undefined;
  /** Pods of a large cluster. */
  readonly pods: number;
  /** Which part of the nodes and pods of a workload. */
  readonly scale: number;
  /** Words that a measurement's name must have, all of them. */
  readonly only: readonly string[];
}

const ROUNDS = 5;
const ROUNDS_MAX = 1_000;
const PODS_MAX = 1_000_000;
const PODS = 100_000;
const USAGE =
  'npm run bench -- NAME [--rounds N] [--against DIR | --against-kubeconfig FILE] [--pods N] [--scale N] [--only WORDS]';

export function parseArguments(words: readonly string[]): Arguments {
  const { values, positionals } = parse(words);
  const [name, ...rest] = positionals;
  if (name === undefined || rest.length > 0) throw new Error(`Name one bench: ${USAGE}`);
  const rounds = Number(values.rounds ?? ROUNDS);
  if (!isBetween(rounds, 1, ROUNDS_MAX))
    throw new Error(
      `Cannot run ${values.rounds ?? ''} rounds: give a number from 1 to ${ROUNDS_MAX}`,
    );
  const pods = Number(values.pods ?? PODS);
  if (!isBetween(pods, 1, PODS_MAX))
    throw new Error(`Cannot write ${values.pods ?? ''} pods: give a number from 1 to ${PODS_MAX}`);
  const scale = Number(values.scale ?? 1);
  if (!(scale > 0 && scale <= 1))
    throw new Error(`Cannot scale by ${values.scale ?? ''}: give a number above 0, at most 1`);
  const kubeconfig = values['against-kubeconfig'];
  if (values.against !== undefined && kubeconfig !== undefined)
    throw new Error(`Compare with one thing: --against or --against-kubeconfig: ${USAGE}`);
  return {
    name,
    rounds,
    against: values.against === undefined ? undefined : resolve(values.against),
    againstKubeconfig: kubeconfig === undefined ? undefined : resolve(kubeconfig),
    pods,
    scale,
    only: (values.only ?? '').toLowerCase().split(/\s+/).filter(Boolean),
  };
}

function isBetween(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function parse(words: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        rounds: text,
        against: text,
        'against-kubeconfig': text,
        pods: text,
        scale: text,
        only: text,
      },
    });
  } catch (error) {
    // Behind its first sentence Node explains how to name files that begin with a dash.
    const [problem = ''] = (error instanceof Error ? error.message : String(error)).split('. ');
    throw new Error(`${problem}: ${USAGE}`, { cause: error });
  }
}

/** Those whose names have all the words, which are in lower case; fails when there is none. */
export function choose<T extends { readonly name: string }>(
  all: readonly T[],
  words: readonly string[],
): readonly T[] {
  const chosen = all.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
  if (chosen.length > 0) return chosen;
  const names = all.map(({ name }) => name).join(', ');
  throw new Error(`Nothing to measure has the words "${words.join(' ')}": there are ${names}`);
}
