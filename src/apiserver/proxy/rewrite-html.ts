/**
 * Rewrites URLs in attributes of HTML as it streams by. Text, scripts, styles and comments pass as
 * they are; so does a tag longer than `TAG_MAX`.
 *
 * Works on bytes as Latin-1 text: what it looks for is ASCII, and all else comes out as it went in.
 * Source: HTML standard, 13.2.5 (tokenization); upstream apimachinery/pkg/util/proxy/transport.go for
 * the attributes.
 */

/** Bytes of one tag that are held back at most. */
const TAG_MAX = 16 * 1024;

const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

/** Elements whose content is no markup. */
const RAW = new Set([
  'iframe',
  'noembed',
  'noframes',
  'plaintext',
  'script',
  'style',
  'textarea',
  'title',
  'xmp',
]);

const TAG_NAME = /^<([a-zA-Z][^\s/>]*)/;
const COMMENT = '<!--';
/** The value is optional, so that a name is read once whatever follows it. */
const ATTRIBUTE = /([^\s"'<>/=][^\s/>=]*)(?:(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>][^\s>]*))?/g;

export class HtmlRewriter {
  readonly #rewrite: (url: string) => string | undefined;
  #held = '';
  /** What ends the text that is passed on as it is: `-->`, `>` or `</script`. */
  #until: string | undefined;

  /** `rewrite` answers undefined for what is to stay as it is. */
  constructor(rewrite: (url: string) => string | undefined) {
    this.#rewrite = rewrite;
  }

  /** What may go out now that `bytes` have come in. */
  push(bytes: Uint8Array): Uint8Array {
    this.#held += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const out: string[] = [];
    for (let piece = this.#next(); piece !== ''; piece = this.#next()) out.push(piece);
    return Buffer.from(out.join(''), 'latin1');
  }

  /** The rest, when nothing more comes. */
  end(): Uint8Array {
    const rest = this.#held;
    this.#held = '';
    return Buffer.from(rest, 'latin1');
  }

  /** The next piece of output; empty when more input is needed. */
  #next(): string {
    if (this.#until !== undefined) return this.#pass(this.#until);
    const at = this.#held.indexOf('<');
    if (at !== 0) return this.#take(at < 0 ? this.#held.length : at);
    const tag = TAG_NAME.exec(this.#held);
    if (tag !== null) return this.#tag((tag[1] ?? '').toLowerCase());
    if (this.#held.length < COMMENT.length && COMMENT.startsWith(this.#held)) return '';
    if (this.#held.startsWith(COMMENT)) return this.#opaque('-->', COMMENT.length);
    // An end tag, a declaration, or a mere `<`.
    return /^<[/!?]/.test(this.#held) ? this.#opaque('>', 1) : this.#take(1);
  }

  #opaque(until: string, length: number): string {
    this.#until = until;
    return this.#take(length);
  }

  #tag(name: string): string {
    const end = tagEnd(this.#held);
    if (end < 0) return this.#held.length > TAG_MAX ? this.#take(this.#held.length) : '';
    const tag = this.#take(end + 1);
    if (RAW.has(name)) this.#until = `</${name}`;
    const names = ATTRIBUTES[name];
    return names === undefined ? tag : this.#rewriteTag(tag, names);
  }

  #rewriteTag(tag: string, names: readonly string[]): string {
    const [start = ''] = TAG_NAME.exec(tag) ?? [];
    const attributes = tag.slice(start.length).replace(ATTRIBUTE, (whole, name, equals, value) => {
      if (value === undefined || !names.includes(String(name).toLowerCase())) return whole;
      const text = String(value);
      const quote = /^["']/.test(text) ? text.charAt(0) : '';
      const url = quote === '' ? text : text.slice(1, -1);
      return `${name}${equals}${quote}${this.#rewrite(url) ?? url}${quote}`;
    });
    return start + attributes;
  }

  /** Everything up to `until`, and no more than can be no part of it. */
  #pass(until: string): string {
    const at = this.#held.toLowerCase().indexOf(until);
    if (at >= 0) {
      this.#until = undefined;
      // An end tag is read again, as a tag.
      return this.#take(until.startsWith('<') ? Math.max(at, 1) : at + until.length);
    }
    return this.#take(Math.max(0, this.#held.length - until.length + 1));
  }

  #take(length: number): string {
    const piece = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return piece;
  }
}

/** Where the tag at the start of `text` ends, `>` in quotes aside; -1 when it does not. */
function tagEnd(text: string): number {
  let quote = '';
  let afterEquals = false;
  for (let at = 1; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote !== '') {
      if (char === quote) quote = '';
    } else if (char === '>') return at;
    else if (afterEquals && (char === '"' || char === "'")) quote = char;
    if (!/\s/.test(char)) afterEquals = quote === '' && char === '=';
  }
  return -1;
}
