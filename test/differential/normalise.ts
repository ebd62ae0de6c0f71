/** Takes out of an answer what is random or of the moment, so that two servers' can be compared. */
import { isJsonObject } from '#api/meta/json.ts';
import type { Json } from '#api/meta/object.ts';
import type { Answer, CaseRequest } from './model.ts';

/** The headers that clients read. */
const HEADERS = [
  'content-type',
  'warning',
  'retry-after',
  'location',
  'allow',
  'accept-patch',
  'cache-control',
];
const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;
const TIME = /\b(20\d\d)-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g;
/** Random suffixes of names that the server makes. */
const SUFFIXED = /\b(kube-api-access)-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g;
const CLUSTER_IP = /^10\.96\.\d+\.\d+$/;
/** Times that cases send are of years long past. */
const OLD_YEAR = 2025;

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export function normalise(raw: RawAnswer, request: CaseRequest): Answer {
  const sent = JSON.stringify(request.body ?? null) + decodeURIComponent(request.url);
  return {
    status: raw.status,
    headers: Object.fromEntries(
      HEADERS.flatMap((name) => {
        const value = raw.headers[name];
        return value === undefined ? [] : [[name, text(value, sent)]];
      }),
    ),
    body: value(parsed(raw.text), '', { sent, generates: sent.includes('generateName') }),
  };
}

interface Known {
  readonly sent: string;
  readonly generates: boolean;
}

function value(json: Json, key: string, known: Known): Json {
  if (typeof json === 'string') return member(key, json, known);
  if (typeof json === 'number') {
    const isPort = key === 'nodePort' || key === 'healthCheckNodePort';
    return isPort && !known.sent.includes(String(json)) ? '<port>' : json;
  }
  if (Array.isArray(json)) return json.map((item) => value(item, key, known));
  if (!isJsonObject(json)) return json;
  return Object.fromEntries(
    Object.keys(json)
      .toSorted()
      .map((name) => [name, value(json[name] ?? null, name, known)]),
  );
}

function member(key: string, json: string, { sent, generates }: Known): string {
  if (key === 'resourceVersion' && /^\d+$/.test(json) && json !== '0') return '<version>';
  if (key === 'continue' && json !== '') return '<continue>';
  if (key === 'token' && json.startsWith('ey')) return '<token>';
  if (CLUSTER_IP.test(json) && !sent.includes(json)) return '<address>';
  if (generates && key === 'name' && json.length > 5 && sent.includes(json.slice(0, -5))) {
    if (!sent.includes(json)) return `${json.slice(0, -5)}<random>`;
  }
  return text(json, sent);
}

function text(json: string, sent: string): string {
  return json
    .replace(UUID, (uid) => (sent.includes(uid) ? uid : '<uid>'))
    .replace(TIME, (time, year: string) => (Number(year) > OLD_YEAR ? '<time>' : time))
    .replace(SUFFIXED, '$1-<random>');
}

function parsed(body: string): Json {
  try {
    return JSON.parse(body) as Json;
  } catch {
    return body;
  }
}
