/**
 * Finds regular expressions that take more than linear time: each is tried on texts that repeat a
 * short piece, of two lengths.
 *
 * What is compared is the growth of the time, and never a time: four times the text may take four
 * times as long, and not sixteen times.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

export interface Pattern {
  /** `src/api/meta/names.ts` */
  readonly file: string;
  readonly source: string;
  readonly flags: string;
}

const UNITS =
  'a A 0 - . _ / , = : " \\ * % [ ( { } ) ] @ $ é ! + < > # & | ~ ; a. a- a, 0. a= /a \\a \\" {a} $( -- .. ,, 0a a0'
    .split(' ')
    .concat([' ', '\t', '\n', 'a ', ' a', '\r\n', ', ']);
const HEADS = ['', 'a', '"', '/', '$(', '['];
const TAILS = ['!', '\u0000\n'];

/** A literal behind what an operand can follow. */
const LITERAL =
  /(?<=[=(,:?!&|[{;]\s*|=>\s*|return\s+|^\s*)\/(?![*/])((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+)\/([dgimsuvy]*)/gm;

/** All regular expressions that are written as such in the source files of `folder`, once a file. */
export function patternsIn(folder: string): Pattern[] {
  const found: Pattern[] = [];
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
    const file = `${folder}/${name}`;
    const text = readFileSync(file, 'utf8').replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '');
    const inFile = new Map<string, Pattern>();
    for (const { 1: source = '', 2: flags = '' } of text.matchAll(LITERAL))
      if (isPattern(source, flags)) inFile.set(`/${source}/${flags}`, { file, source, flags });
    found.push(...inFile.values());
  }
  return found;
}

/** Those that modules of `folder` put together out of parts when they are loaded. */
export async function builtPatternsIn(folder: string): Promise<Pattern[]> {
  const found: Pattern[] = [];
  const { RegExp: Original } = globalThis;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
    const file = `${folder}/${name}`;
    if (!/^\S.*new RegExp\(/m.test(readFileSync(file, 'utf8'))) continue;
    const construct = (made: RegExpConstructor, [source, flags = '']: string[]): RegExp => {
      found.push({ file, source: String(source), flags });
      return new made(source ?? '', flags);
    };
    globalThis.RegExp = new Proxy(Original, { construct });
    try {
      // A module of its own: the others may have been loaded before.
      await import(`${pathToFileURL(file).href}?patterns`);
    } finally {
      globalThis.RegExp = Original;
    }
  }
  return found;
}

function isPattern(source: string, flags: string): boolean {
  try {
    new RegExp(source, flags);
    return true;
  } catch {
    return false;
  }
}

/** Without one of these a pattern looks at so many characters as it has itself. */
const UNBOUNDED = /[+*]|\{\d+,\}/;
const TINY = 10;
const LENGTHS = [100, 400, 1_600, 6_400];
/** In less, nothing super-linear goes over a long text. */
const NOISE_MS = 0.5;
/** Four times the text: linear would be 4, quadratic 16. */
const GROWTH_MAX = 9.6;
const TRIES = 7;

/** One text in several lengths. */
interface Texts {
  readonly name: string;
  readonly tiny: string;
  readonly twice: string;
  readonly long: readonly string[];
}

const TEXTS: readonly Texts[] = HEADS.flatMap((head) =>
  UNITS.flatMap((unit) => TAILS.map((tail) => textsOf(head, unit, tail))),
);

function textsOf(head: string, unit: string, tail: string): Texts {
  const of = (count: number): string => head + unit.repeat(count) + tail;
  return {
    name: [head, unit, tail].map((part) => JSON.stringify(part)).join(' + '),
    tiny: of(TINY),
    twice: of(2 * TINY),
    long: LENGTHS.map(of),
  };
}

/** The quickest of some runs: whatever else the machine does only adds. */
function timeOf(work: () => unknown, tries = TRIES): number {
  let least = Number.POSITIVE_INFINITY;
  for (let nth = 0; nth < tries; nth++) {
    const beganMs = performance.now();
    work();
    least = Math.min(least, performance.now() - beganMs);
  }
  return least;
}

/** Whether `work` on a text of four times the length takes about sixteen times as long, or more. */
function growsFaster(
  work: (text: string) => unknown,
  { tiny, twice, long }: Texts,
  steps: number,
): boolean {
  // What doubles with each character would never end on a long text.
  if (timeOf(() => work(twice), 1) > NOISE_MS) {
    const tinyMs = timeOf(() => work(tiny), 3);
    if (timeOf(() => work(twice), 3) > 50 * Math.max(tinyMs, 0.005)) return true;
  }
  return long.slice(0, steps).some((text, nth) => {
    if (timeOf(() => work(text), 1) < NOISE_MS) return false;
    const before = long[nth - 1] ?? twice;
    const ms = timeOf(() => work(text));
    return ms > NOISE_MS && ms > GROWTH_MAX * timeOf(() => work(before));
  });
}

/** The text on which `work` takes more than linear time; undefined when none was found. */
/** `steps`: how often the text becomes four times as long; fewer for what is slow, but linear. */
export function slowText(
  work: (text: string) => unknown,
  steps = LENGTHS.length,
): string | undefined {
  return TEXTS.find((texts) => growsFaster(work, texts, steps) && growsFaster(work, texts, steps))
    ?.name;
}

/** Of patterns that were tried, by what they are. */
const verdicts = new Map<string, string | undefined>();

/** Of a pattern, where it is looked for in a text. */
export function slowTextOf({
  source,
  flags,
}: Pick<Pattern, 'source' | 'flags'>): string | undefined {
  if (!UNBOUNDED.test(source)) return undefined;
  const key = `/${source}/${flags}`;
  if (!verdicts.has(key)) {
    // A sticky one is tried at one place alone.
    const whole = flags.includes('y') ? `^(?:${source})` : source;
    const pattern = new RegExp(whole, flags.replaceAll(/[gy]/g, ''));
    verdicts.set(
      key,
      slowText((text) => pattern.test(text)),
    );
  }
  return verdicts.get(key);
}
