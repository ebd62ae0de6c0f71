/** Takes out of an answer what is random or of the moment, so that two servers' can be compared. */
import { fromYaml } from '#api/codec/yaml.ts';
import { isJsonObject } from '#api/meta/json.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
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
/** Descriptions of columns are sentences for people, and ours are our own. */
const SENTENCES = { of: 'columnDefinitions', in: 'description' } as const;
/** Who asks: the hash of a certificate that is made for each run. */
const CREDENTIAL = 'authentication.kubernetes.io/credential-id';
/** What the server puts behind `generateName`. */
const SUFFIX = /^[bcdfghjklmnpqrstvwxz2456789]{5}(?![\w-])/;
const GENERATED_BASE_MAX = 58;
/** In a message that shows an object. */
const QUOTED_VERSION = /(resourceVersion\\*":\\*")\d+/g;
const AGE = /^(\d+[smhdy]){1,2}$/;
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
    body: value(withoutOrder(parsed(raw)), '', {
      sent,
      base: generateNameOf(request.body ?? null),
    }),
  };
}

function generateNameOf(body: Json): string {
  const metadata = isJsonObject(body) ? body['metadata'] : undefined;
  const base = isJsonObject(metadata) ? metadata['generateName'] : undefined;
  const hasName = isJsonObject(metadata) && (metadata['name'] ?? '') !== '';
  return typeof base === 'string' && !hasName ? base.slice(0, GENERATED_BASE_MAX) : '';
}

/** Rules come in the order of a Go map. */
const UNORDERED: ReadonlySet<string> = new Set(['resourceRules', 'nonResourceRules']);

function byText(left: Json, right: Json): number {
  return JSON.stringify(left) < JSON.stringify(right) ? -1 : 1;
}

/** Without what a distribution adds: volumes of pods, and a role for everybody. */
function itemsOf(json: readonly Json[], key: string): readonly Json[] {
  if (key === 'sources') return json.filter((item) => !isAddedSource(item));
  if (key !== 'nonResourceRules') return json;
  return json.filter((item) => !JSON.stringify(item).includes('/.well-known'));
}

/** Distributions put a certificate authority of their own beside that of the cluster. */
function isAddedSource(source: Json): boolean {
  return JSON.stringify(source).includes('service-ca.crt');
}

interface Known {
  readonly sent: string;
  /** What the server makes a name of; empty: nothing. */
  readonly base: string;
}

function value(json: Json, key: string, known: Known): Json {
  if (typeof json === 'string') return member(key, json, known);
  if (typeof json === 'number') {
    const isPort = key === 'nodePort' || key === 'healthCheckNodePort';
    return isPort && !known.sent.includes(String(json)) ? '<port>' : json;
  }
  if (Array.isArray(json)) {
    const items = itemsOf(json, key).map((item) => value(item, key, known));
    return UNORDERED.has(key) ? items.toSorted(byText) : items;
  }
  if (!isJsonObject(json)) return json;
  const members = Object.fromEntries(
    Object.keys(json)
      .filter((name) => name !== CREDENTIAL && !(key === SENTENCES.of && name === SENTENCES.in))
      .toSorted()
      .map((name) => [name, value(json[name] ?? null, name, known)]),
  );
  const { extra } = members;
  // What held nothing else is as if it were not there.
  if (isJsonObject(extra) && Object.keys(extra).length === 0) delete members['extra'];
  return members;
}

function member(key: string, json: string, { sent, base }: Known): string {
  if (key === 'resourceVersion' && /^\d+$/.test(json) && json !== '0') return '<version>';
  if (key === 'continue' && json !== '') return '<continue>';
  if (key === 'token' && json.startsWith('ey')) return '<token>';
  if (key === 'cells' && AGE.test(json)) return '<age>';
  if (CLUSTER_IP.test(json) && !sent.includes(json)) return '<address>';
  return text(base === '' ? json : withoutSuffix(json, base), sent);
}

function withoutSuffix(json: string, base: string): string {
  return json
    .split(base)
    .map((part, index) => (index === 0 ? part : part.replace(SUFFIX, '<random>')))
    .join(base);
}

function text(json: string, sent: string): string {
  return json
    .replace(UUID, (uid) => (sent.includes(uid) ? uid : '<uid>'))
    .replace(TIME, (time, year: string) => (Number(year) > OLD_YEAR ? '<time>' : time))
    .replace(SUFFIXED, '$1-<random>')
    .replace(QUOTED_VERSION, '$1<version>');
}

/** Of what the distribution lets everybody read beside what upstream does. */
const ADDED_PATH = '/.well-known';

/** Upstream reads the bindings out of a hash table, in an order that differs each time. */
function withoutOrder(json: Json): Json {
  if (!isJsonObject(json) || json['kind'] !== 'SelfSubjectRulesReview') return json;
  const { status } = json;
  if (!isJsonObject(status ?? null)) return json;
  const lists = Object.entries(status as JsonObject).map(([name, list]): [string, Json] => [
    name,
    Array.isArray(list)
      ? list
          .filter((rule) => !JSON.stringify(rule).includes(`"${ADDED_PATH}"`))
          .toSorted((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1))
      : (list ?? null),
  ]);
  return { ...json, status: Object.fromEntries(lists) };
}

function parsed({ text: body, headers }: RawAnswer): Json {
  if (headers['content-type']?.includes('yaml') === true) return fromYaml(body);
  try {
    return JSON.parse(body) as Json;
  } catch {
    return body;
  }
}
