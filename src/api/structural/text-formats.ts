/**
 * The formats of strings that take more than a regular expression; see `formats.ts`.
 *
 * Source: kube-openapi pkg/internal/third_party/govalidator and pkg/validation/strfmt; Go's net/url,
 * net/mail and time for what parses.
 */
const CREDIT_CARD =
  /^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$/;

export function isCreditCard(text: string): boolean {
  const digits = text.replaceAll(/[^0-9]+/g, '');
  if (!CREDIT_CARD.test(digits)) return false;
  let sum = 0;
  for (const [i, digit] of Array.from(digits).toReversed().entries()) {
    const value = Number(digit) * (i % 2 === 0 ? 1 : 2);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

function isbnDigits(text: string): string {
  return text.replaceAll(/[\t\n\f\r -]+/g, '');
}

export function isIsbn10(text: string): boolean {
  const digits = isbnDigits(text);
  if (!/^(?:[0-9]{9}X|[0-9]{10})$/.test(digits)) return false;
  const sum = Array.from(digits).reduce(
    (total, digit, i) => total + (i + 1) * (digit === 'X' ? 10 : Number(digit)),
    0,
  );
  return sum % 11 === 0;
}

export function isIsbn13(text: string): boolean {
  const digits = isbnDigits(text);
  if (!/^[0-9]{13}$/.test(digits)) return false;
  const sum = Array.from(digits).reduce(
    (total, digit, i) => total + (i % 2 === 0 ? 1 : 3) * Number(digit),
    0,
  );
  return sum % 10 === 0;
}

const GO_DURATION = /^[-+]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const DURATION_UNITS = [
  ['ns', 'nano'],
  ['us', 'µs', 'micro'],
  ['ms', 'milli'],
  ['s', 'sec'],
  ['m', 'min'],
  ['h', 'hr', 'hour'],
  ['d', 'day'],
  ['w', 'wk', 'week'],
];
const DURATION_UNIT = /[\t\n\f\r ]*([A-Za-zµ]+)/y;
const INT64_DIGITS_MAX = 19;

/** Go's durations, and texts with any number of `22 seconds` in them. */
export function isDuration(text: string): boolean {
  if (GO_DURATION.test(text)) return true;
  let found = false;
  // Two steps, each linear: one expression would try each run of digits from each of its digits.
  for (const { 0: factor, index } of text.matchAll(/\d+/g)) {
    DURATION_UNIT.lastIndex = index + factor.length;
    const unit = DURATION_UNIT.exec(text)?.[1];
    if (unit === undefined) continue;
    if (factor.length > INT64_DIGITS_MAX) return false;
    found ||= isDurationUnit(unit.toLowerCase());
  }
  return found;
}

function isDurationUnit(unit: string): boolean {
  return DURATION_UNITS.some(
    (names) => names.includes(unit) || unit.startsWith(names.at(-1) ?? unit),
  );
}

/** An absolute URI or an absolute path, as Go's url.ParseRequestURI has it. */
export function isRequestUri(text: string): boolean {
  // Control characters and broken escapes are errors to Go; a fragment is part of the path.
  if (text === '' || /[\u0000-\u001F\u007F]/.test(text)) return false;
  if (text === '*') return true;
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text);
  const rest = scheme === null ? text : text.slice(scheme[0].length);
  const [path = ''] = rest.split('?', 1);
  if (!path.startsWith('/')) return scheme !== null && rest !== '' && !path.startsWith('?');
  if (/%(?![0-9a-fA-F]{2})/.test(path)) return false;
  if (!path.startsWith('//') || path.startsWith('///')) return true;
  const [authority = ''] = path.slice(2).split('/', 1);
  return isAuthority(authority);
}

function isAuthority(authority: string): boolean {
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  if (host.startsWith('[')) return /^\[[^\]]*\](:\d*)?$/.test(host);
  const colon = host.lastIndexOf(':');
  if (colon >= 0 && !/^\d*$/.test(host.slice(colon + 1))) return false;
  return !/[\s"<>\\^`{|}]/.test(host);
}

const ATEXT_SET = "-A-Za-z0-9!#$%&'*+\\/=?^_`{|}~\\u0080-\\u{10FFFF}";
const ATEXT = `[${ATEXT_SET}]`;
const DOT_ATOM = `${ATEXT}+(?:\\.${ATEXT}+)*`;
const QUOTED = '"(?:[^"\\\\\\u0000-\\u0008\\u000A-\\u001F\\u007F]|\\\\[^\\u0000-\\u001F\\u007F])*"';
const ADDRESS = `(?:${DOT_ATOM}|${QUOTED})@(?:${DOT_ATOM}|\\[[^\\]\\[\\\\\\s]*\\])`;
const WORD = `(?:[${ATEXT_SET}.]+|${QUOTED})`;
const EMAIL = new RegExp(
  `^[ \\t]*(?:${ADDRESS}|(?:${WORD}(?:[ \\t]+${WORD})*[ \\t]*)?<${ADDRESS}>)[ \\t]*$`,
  'u',
);
const EMAIL_MAX = 2000;

/** One address of RFC 5322, with or without a name (`Barry Gibbs <bg@example.com>`). */
export function isEmail(text: string): boolean {
  return text.length <= EMAIL_MAX && EMAIL.test(text);
}
