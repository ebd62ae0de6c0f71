/**
 * `/statusz` and `/flagz`: what runs here, and with which flags.
 *
 * Source: KEP-4827, KEP-4828; upstream staging/src/k8s.io/component-base/zpages for the forms.
 */
import type { Environment } from '#base/env.ts';
import type { HttpResponse } from '#base/http/message.ts';
import { toYaml } from '#api/codec/yaml.ts';
import { notAcceptable } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { parseAccept } from './negotiate.ts';
import { bytesResponse, jsonBytes, textResponse } from './respond.ts';
import { GO_VERSION } from './version.ts';

const TYPES = ['application/json', 'application/yaml', 'text/plain'];
const API_VERSION = 'config.k8s.io/v1beta1';
const VERSION = '1.36';
const WARNING =
  'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.';
const PATHS = ['/flagz', '/healthz', '/livez', '/metrics', '/readyz', '/statusz', '/version'];

export interface ZPagesOptions {
  readonly environment: Pick<Environment, 'clock'>;
  /** `apiserver` unless given. */
  readonly name?: string;
  /** What `/statusz` names; those of an API server unless given. */
  readonly paths?: readonly string[];
  /** By name, as `/flagz` shows them. */
  readonly flags: ReadonlyMap<string, string>;
  /** The gates ComponentStatusz and ComponentFlagz. */
  readonly statusz: boolean;
  readonly flagz: boolean;
}

export interface ZPagesRequest {
  readonly info: { readonly path: string; readonly query: URLSearchParams };
  header(name: string): string;
}

export class ZPages {
  readonly #options: ZPagesOptions;
  readonly #name: string;
  readonly #paths: readonly string[];
  readonly #startMs: number;

  constructor(options: ZPagesOptions) {
    this.#options = options;
    this.#name = options.name ?? 'apiserver';
    this.#paths = options.paths ?? PATHS;
    this.#startMs = options.environment.clock.now();
  }

  /** Undefined for other paths. Throws 406. */
  handle(context: ZPagesRequest): HttpResponse | undefined {
    const { path } = context.info;
    if (path === '/statusz' && this.#options.statusz) return this.#statusz(context);
    if (path === '/flagz' && this.#options.flagz) return this.#flagz(context);
    return undefined;
  }

  #statusz(context: ZPagesRequest): HttpResponse {
    const upSeconds = Math.floor((this.#options.environment.clock.now() - this.#startMs) / 1000);
    const startTime = timeText(this.#startMs);
    const body = {
      startTime,
      uptimeSeconds: upSeconds,
      goVersion: GO_VERSION,
      binaryVersion: VERSION,
      emulationVersion: VERSION,
      paths: this.#paths,
    };
    const lines = [
      `Started: ${startTime}`,
      `Up: ${spell(upSeconds)}`,
      `Go version: ${GO_VERSION}`,
      `Binary version: ${VERSION}`,
      `Emulation version: ${VERSION}`,
      `Paths: ${this.#paths.join(' ')}`,
    ];
    return page(context, {
      name: this.#name,
      kind: 'Statusz',
      body,
      text: `\n${lines.join('\n')}\n`,
    });
  }

  #flagz(context: ZPagesRequest): HttpResponse {
    const sorted = [...this.#options.flags].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const text = sorted.map(([name, value]) => `${name}: ${value}\n`).join('');
    const body = { flags: Object.fromEntries(sorted) };
    return page(context, { name: this.#name, kind: 'Flagz', body, text });
  }
}

function spell(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  return `${Math.floor(minutes / 60)} hr ${two(minutes % 60)} min ${two(seconds % 60)} sec`;
}

interface Page {
  readonly name: string;
  readonly kind: 'Statusz' | 'Flagz';
  readonly body: object;
  readonly text: string;
}

/** The object for who asks for it by its kind, text for people. */
function page(context: ZPagesRequest, { name, kind, body, text }: Page): HttpResponse {
  for (const { media, parameters } of parseAccept(context.header('accept') || '*/*')) {
    const { as, g, v } = parameters;
    if (as === undefined && (media === 'text/plain' || media === 'text/*' || media === '*/*'))
      return textResponse(200, `\n${name} ${kind.toLowerCase()}\n${WARNING}\n${text}`);
    if (as !== kind || g !== 'config.k8s.io' || v !== 'v1beta1') continue;
    const object = { kind, apiVersion: API_VERSION, metadata: { name }, ...body };
    const pretty = context.info.query.has('pretty');
    if (media === 'application/json') return bytesResponse(200, media, jsonBytes(object, pretty));
    if (media === 'application/yaml') return bytesResponse(200, media, Buffer.from(toYaml(object)));
  }
  throw notAcceptable(TYPES);
}
