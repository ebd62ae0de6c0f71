/** Where a text stops being base64, as Go's encoding/base64 tells it. */

const STANDARD = /[A-Za-z0-9+/]/;
const URL_SAFE = /[A-Za-z0-9_-]/;
const isBreak = (char: string | undefined): boolean => char === '\r' || char === '\n';

interface Base64Options {
  /** The alphabet of URLs, without padding; else the standard one, padded. */
  readonly url?: boolean;
}

/** `illegal base64 data at input byte 3`; undefined when there is nothing wrong. */
export function base64Problem(
  text: string,
  { url = false }: Base64Options = {},
): string | undefined {
  const position = badPosition(text, url);
  return position === undefined ? undefined : `illegal base64 data at input byte ${position}`;
}

/** Go reads four characters at a time; what is missing of the last ones is told where they begin. */
function badPosition(text: string, url: boolean): number | undefined {
  const alphabet = url ? URL_SAFE : STANDARD;
  let inGroup = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (isBreak(char)) continue;
    if (alphabet.test(char)) inGroup = (inGroup + 1) % 4;
    else if (char !== '=' || url || inGroup < 2) return at;
    else return badPadding(text, at + 1, inGroup);
  }
  return inGroup === 1 || (inGroup > 0 && !url) ? text.length - inGroup : undefined;
}

/** Behind the first `=`. */
function badPadding(text: string, from: number, inGroup: number): number | undefined {
  const skip = (at: number): number => {
    let next = at;
    while (isBreak(text[next])) next++;
    return next;
  };
  let at = skip(from);
  if (inGroup === 2) {
    if (at === text.length) return text.length;
    if (text[at] !== '=') return at - 1;
    at = skip(at + 1);
  }
  return at < text.length ? at : undefined;
}
