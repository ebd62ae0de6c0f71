/**
 * Flags as upstream's components have them: `--a=b`, `--a b`, `--a` for booleans, lists that may
 * come twice. A component's flags are a table; what upstream has and the table has not is refused by
 * name, never ignored.
 */
import { readFileSync } from 'node:fs';
import { parseDuration } from '#api/codec/duration.ts';
import { messageOf, UserError } from './user-error.ts';

type FlagKind =
  | 'text'
  | 'list'
  | 'bool'
  | 'count'
  | 'integer'
  | 'decimal'
  | 'duration'
  | 'fraction';

export interface FlagSpec {
  readonly kind: FlagKind;
  readonly fallback: string;
  readonly help: string;
}

const maker =
  (kind: FlagKind) =>
  (fallback: string, help: string): FlagSpec => ({ kind, fallback, help });

export const text = maker('text');
/** Parts between commas. */
export const list = maker('list');
export const bool = maker('bool');
export const count = maker('count');
/** A count that may be below zero, where upstream says in its own words that it may not. */
export const integer = maker('integer');
export const decimal = maker('decimal');
/** Go's form: `1m30s`. */
export const duration = maker('duration');
export const fraction = maker('fraction');

/** A component whose flags are upstream's. */
export interface Program<N extends string> {
  /** `cox apiserver` */
  readonly command: string;
  /** `kube-apiserver` */
  readonly upstream: string;
  /** What it does, in a sentence. */
  readonly about: string;
  readonly flags: Readonly<Record<N, FlagSpec>>;
  /** Flags that upstream has and this has not. */
  readonly missing: ReadonlySet<string>;
  /** Why a flag is missing, where there is more to say than that it is. */
  readonly whyMissing?: (name: string) => string | undefined;
}

/** What was given and what was not, each as text. */
export class Flags<N extends string> {
  // By any name: who knows more flags can stand in for who knows fewer.
  readonly #specs: Readonly<Record<string, FlagSpec>>;
  readonly #values: ReadonlyMap<string, string>;

  constructor(specs: Readonly<Record<N, FlagSpec>>, values: ReadonlyMap<N, string>) {
    this.#specs = specs;
    this.#values = values;
  }

  text(name: N): string {
    return this.#values.get(name) ?? this.#specs[name]?.fallback ?? '';
  }

  list(name: N): string[] {
    return this.text(name)
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  }

  number(name: N): number {
    return Number(this.text(name));
  }

  isOn(name: N): boolean {
    return this.text(name) === 'true';
  }

  milliseconds(name: N): number {
    return parseDuration(this.text(name)) / 1e6;
  }

  isGiven(name: N): boolean {
    return this.#values.has(name);
  }

  /** The content of the file that the flag names; undefined when it names none. Throws UserError. */
  file(name: N): string | undefined {
    const path = this.text(name);
    return path === '' ? undefined : readFile(path);
  }

  /** The content of a file that must be named. */
  requiredFile(name: N): string {
    const content = this.file(name);
    if (content === undefined) throw new UserError(`--${name} is a required flag`);
    return content;
  }

  /** Every flag and its value, for /flagz. */
  all(): ReadonlyMap<string, string> {
    const names = Object.keys(this.#specs) as N[];
    return new Map(names.map((name) => [name, this.text(name)]));
  }
}

/** Throws UserError when it cannot be read. */
export function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${messageOf(error)}`);
  }
}

/** Throws UserError that names the flag. */
export function parseFlags<N extends string>(
  program: Program<N>,
  args: readonly string[],
): Flags<N> {
  const values = new Map<N, string>();
  for (let i = 0; i < args.length; i++) {
    const { name, value } = split(program, args[i] ?? '');
    const spec = program.flags[name];
    const given = value ?? (spec.kind === 'bool' ? 'true' : args[++i]);
    if (given === undefined) throw new UserError(`flag needs an argument: --${name}`);
    check(name, spec, given);
    const before = spec.kind === 'list' ? values.get(name) : undefined;
    values.set(name, before === undefined ? given : `${before},${given}`);
  }
  return new Flags(program.flags, values);
}

function split<N extends string>(
  { flags, missing, command, upstream, whyMissing }: Program<N>,
  arg: string,
): { readonly name: N; readonly value: string | undefined } {
  const match = /^--?([a-z][a-z0-9-]*)(?:=([\s\S]*))?$/.exec(arg);
  if (match === null) throw new UserError(`unknown command or argument ${JSON.stringify(arg)}`);
  const [, name = '', value] = match;
  if (Object.hasOwn(flags, name)) return { name: name as N, value };
  const why = whyMissing?.(name);
  if (why !== undefined) throw new UserError(`Cannot use --${name}: ${why}`);
  if (missing.has(name))
    throw new UserError(
      `Cannot use --${name}: ${upstream} has this flag, ${command} does not have it yet.`,
    );
  throw new UserError(`unknown flag: --${name}`);
}

const VALID: Readonly<Record<FlagKind, RegExp>> = {
  text: /^/,
  list: /^/,
  bool: /^(?:true|false)$/,
  count: /^\d+$/,
  integer: /^-?\d+$/,
  decimal: /^-?\d+(?:\.\d+)?$/,
  duration: /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$|^0$/,
  fraction: /^(?:0|0?\.\d+)$/,
};

function check(name: string, { kind }: FlagSpec, value: string): void {
  if (VALID[kind].test(value)) return;
  throw new UserError(`invalid argument ${JSON.stringify(value)} for "--${name}" flag`);
}

/** Prints the help where it is asked for, and answers whether it was. */
export function showsHelp<N extends string>(program: Program<N>, args: readonly string[]): boolean {
  if (!args.includes('--help') && !args.includes('-h')) return false;
  const specs = Object.entries<FlagSpec>(program.flags);
  const lines = specs.map(([name, { fallback, help }]) => {
    const otherwise = fallback === '' ? '' : ` (default ${fallback})`;
    return `  --${name.padEnd(36)} ${help}${otherwise}`;
  });
  process.stdout.write(`${program.about}\n\nFlags, with upstream's names:\n${lines.join('\n')}\n`);
  return true;
}

/** Resolves when the process is asked to end. */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
}
