/**
 * What a plain YAML scalar means to Kubernetes: YAML 1.1 as Go's yaml.v2 understands it.
 *
 * `yes`, `on` and `y` are booleans, `010` is eight, times stay texts. Writers need the same
 * rules, to know which texts must stand in quotes. Upstream: sigs.k8s.io/yaml, goyaml.v2/resolve.go.
 */

export type Scalar =
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'null'; readonly value: null }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'number'; readonly value: number }
  /** A text that other readers of YAML take for a time. */
  | { readonly kind: 'time'; readonly value: string }
  | { readonly kind: 'merge'; readonly value: string };

const TRUE = words('y yes true on');
const FALSE = words('n no false off');
const NULL = new Set(['', '~', 'null', 'Null', 'NULL']);
const SPECIAL_FLOATS: ReadonlyMap<string, number> = new Map([
  ...['.nan', '.NaN', '.NAN'].map((text): [string, number] => [text, Number.NaN]),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((text): [string, number] => [
    text,
    Infinity,
  ]),
  ...['-.inf', '-.Inf', '-.INF'].map((text): [string, number] => [text, -Infinity]),
]);

/** Each word in small letters, with a capital, and in capitals. */
function words(list: string): ReadonlySet<string> {
  const forms = list
    .split(' ')
    .flatMap((word) => [word, word.charAt(0).toUpperCase() + word.slice(1), word.toUpperCase()]);
  return new Set(forms);
}

const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const TIME =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)| +(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d+)?)?$/;

/** The meaning of `text` when it stands without quotes. */
export function resolvePlain(text: string): Scalar {
  // Most texts begin with a letter that nothing special begins with.
  if (text !== '' && !/^[-+0-9yYnNtTfFoO~.<]/.test(text)) return { kind: 'string', value: text };
  if (NULL.has(text)) return { kind: 'null', value: null };
  if (TRUE.has(text)) return { kind: 'bool', value: true };
  if (FALSE.has(text)) return { kind: 'bool', value: false };
  if (text === '<<') return { kind: 'merge', value: text };
  const special = SPECIAL_FLOATS.get(text);
  if (special !== undefined) return { kind: 'number', value: special };
  if (!/^[-+.0-9]/.test(text)) return { kind: 'string', value: text };
  if (isTime(text)) return { kind: 'time', value: text };
  const number = readNumber(text);
  return number === undefined ? { kind: 'string', value: text } : { kind: 'number', value: number };
}

function isTime(text: string): boolean {
  const match = TIME.exec(text);
  if (match === null) return false;
  const [, year, month, day, hour = match[7], minute = match[8], second = match[9]] = match;
  const inMonth = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  return (
    Number(month) >= 1 &&
    Number(month) <= 12 &&
    Number(day) >= 1 &&
    Number(day) <= inMonth &&
    Number(hour ?? 0) < 24 &&
    Number(minute ?? 0) < 60 &&
    Number(second ?? 0) < 60
  );
}

function readNumber(text: string): number | undefined {
  if (text.startsWith('.')) return FLOAT.test(text) ? Number(text) : undefined;
  const plain = text.replaceAll('_', '');
  const based = /^([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+)$/.exec(plain);
  if (based?.[2] !== undefined) {
    const digits = /^0[0-7]/.test(based[2]) ? `0o${based[2].slice(1)}` : based[2];
    return based[1] === '-' ? -Number(digits) : Number(digits);
  }
  return FLOAT.test(plain) ? Number(plain) : undefined;
}

const BASE_60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;

/** Whether `text` read without quotes would be the same text, to every reader of YAML 1.1. */
export function isPlainText(text: string): boolean {
  return resolvePlain(text).kind === 'string' && !BASE_60.test(text);
}
