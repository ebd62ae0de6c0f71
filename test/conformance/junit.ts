/** What became of each spec, from the JUnit files that the suite writes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SpecResult {
  /** Its full name, `[sig-node] Pods should …`; of set-up that broke: `[BeforeEach] …`. */
  readonly name: string;
  readonly result: 'pass' | 'fail' | 'skip';
  readonly seconds: number;
  /** First line of what the failure or the skip says; '' for what passed. */
  readonly message: string;
}

const MESSAGE_MAX = 300;
const CASE =
  /<testcase name="([^"]*)"[^>]*? status="(\w+)" time="([\d.]+)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;
const REASON =
  /<(?:failure|error|skipped)\b(?:[^>]*? message="([^"]*)")?[^>]*?(?:\/>|>([\s\S]*?)<\/(?:failure|error|skipped)>)/;
/** What the runner says of a spec that was not asked for. */
const NOT_CHOSEN = /^skipped?(?: - (?:filtered|label|focus).*)?$/i;
const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
};

/** All results in a folder; throws when it holds none. */
export function readResults(folder: string): SpecResult[] {
  const files = readdirSync(folder).filter((file) => /^junit_.*\.xml$/.test(file));
  if (files.length === 0) throw new Error(`There are no results in ${folder}: the suite broke off`);
  return files.flatMap((file) => parseResults(readFileSync(join(folder, file), 'utf8')));
}

/** The specs that ran or said themselves why not. Set-up and tear-down count only when they break. */
export function parseResults(xml: string): SpecResult[] {
  return [...xml.matchAll(CASE)].flatMap(([, raw = '', status = '', time = '0', body = '']) => {
    const [, node, name = ''] = /^\[(\w+)\] ?([\s\S]*)$/.exec(decode(raw)) ?? [];
    if (node === undefined || (node !== 'It' && status === 'passed')) return [];
    const [, attribute, text] = REASON.exec(body) ?? [];
    const message = status === 'passed' ? '' : firstLine(text || attribute || status);
    const isSkipped = status === 'skipped' || status === 'pending';
    if (isSkipped && NOT_CHOSEN.test(message)) return [];
    return {
      name: node === 'It' ? name : `[${node}] ${name}`.trim(),
      result: isSkipped ? 'skip' : status === 'passed' ? 'pass' : 'fail',
      seconds: Number(time),
      message,
    };
  });
}

function firstLine(text: string): string {
  const lines = decode(text)
    .split('\n')
    .map((line) => line.replace(/^\[FAILED\]\s*/, '').trim());
  return (lines.find((line) => line !== '') ?? '').slice(0, MESSAGE_MAX);
}

/** XML's references: `&lt;`, `&#34;`, `&#x22;`. */
function decode(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g, (whole, decimal, hex, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    return ENTITIES[name] ?? whole;
  });
}
