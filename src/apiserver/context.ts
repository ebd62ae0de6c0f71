/** What travels with a request through the filters, verbs and admission. */
import type { Environment } from '#base/env.ts';
import type { HttpRequest } from '#base/http/message.ts';
import type { Latencies } from './audit/latency.ts';
import type { Moment, RequestAudit } from './audit/record.ts';
import type { RequestInfo } from './request-info.ts';

export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const UNAUTHENTICATED_GROUP = 'system:unauthenticated';
export const ANONYMOUS: User = { name: 'system:anonymous', groups: [UNAUTHENTICATED_GROUP] };
export const AUTHENTICATED_GROUP = 'system:authenticated';
export const MASTERS_GROUP = 'system:masters';

/** Warnings that are kept; a header holds fewer (`filters/warnings.ts`), the rest is dropped. */
const WARNINGS_MAX = 4096;

/** Annotations of the audit event that are kept; the rest is dropped. */
const ANNOTATIONS_MAX = 1024;

export class RequestContext {
  /** As it came; a body of CBOR is JSON behind `filters/cbor.ts`. */
  request: HttpRequest;
  readonly info: RequestInfo;
  readonly environment: Environment;
  user: User = ANONYMOUS;
  /** When it came; undefined where nothing is audited. */
  received: Moment | undefined;
  /** How long parts of the server took; undefined where that is not measured. */
  latencies: Latencies | undefined;
  /** What is written down of this request; undefined for nothing. */
  audit: RequestAudit | undefined;
  /** The gate CBORServingAndStorage. */
  readonly cbor: boolean;
  /** Set: the answer is the last one on its connection. */
  isLast = false;
  /** Headers of the answer, whatever it is. */
  answerHeaders: Readonly<Record<string, string>> | undefined;
  readonly #warnings = new Set<string>();
  readonly #annotations = new Map<string, string>();
  readonly #requestAnnotations = new Map<string, string>();
  #auditId: string | undefined;
  constructor(
    request: HttpRequest,
    info: RequestInfo,
    environment: Environment,
    options: { readonly cbor?: boolean } = {},
  ) {
    this.request = request;
    this.info = info;
    this.environment = environment;
    this.cbor = options.cbor === true;
  }
  header(name: string): string {
    return this.request.headers[name] ?? '';
  }
  get signal(): AbortSignal | undefined {
    return this.request.signal;
  }
  /** A sentence for the client, sent as a Warning header (RFC 7234, code 299). Each only once. */
  warn(text: string): void {
    if (text !== '' && this.#warnings.size < WARNINGS_MAX) this.#warnings.add(text);
  }
  get warnings(): readonly string[] {
    return [...this.#warnings];
  }
  /** Names the request in answers, logs and audit events: the client's word, or a new uuid. */
  get auditId(): string {
    this.#auditId ??= this.header('audit-id') || this.environment.random.uuid();
    return this.#auditId;
  }
  /**
   * An annotation of the audit event. As upstream has it, what was said first of a key stays.
   * `level`: shown only in events of this level and above.
   */
  annotate(key: string, value: string, level?: 'Request'): void {
    const annotations = level === undefined ? this.#annotations : this.#requestAnnotations;
    if (!annotations.has(key) && annotations.size < ANNOTATIONS_MAX) annotations.set(key, value);
  }
  get annotations(): ReadonlyMap<string, string> {
    return this.#annotations;
  }
  /** Annotations of audit events of the level `Request` and above. */
  get requestAnnotations(): ReadonlyMap<string, string> {
    return this.#requestAnnotations;
  }
}

/** One of the many writes that a request stands for. Admission takes each for a request of its own. */
export class RequestPart {
  readonly whole: RequestContext;
  constructor(whole: RequestContext) {
    this.whole = whole;
  }
}
