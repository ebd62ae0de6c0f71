/**
 * What is known of one request that is written down. It grows as the request goes on; an event is a
 * picture of it at a stage.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/audit/{request,context}.go.
 */
import { API_VERSION, type Level, LEVELS, type Stage } from '#api/audit/policy.ts';
import { formatMicroTime } from '#api/codec/time.ts';
import { isJsonObject } from '#api/meta/json.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import type { Status } from '#api/meta/status.ts';
import type { Body, HttpRequest, HttpResponse } from '#base/http/message.ts';
import type { RequestContext, User } from '../context.ts';
import { bodyText, dropManagedFields, wholeBody } from './bodies.ts';
import {
  AuditEvent,
  type AuditObjectReference,
  type AuditStatus,
  type EventHead,
  sorted,
  type UserInfo,
  userInfo,
} from './event.ts';
import type { AuditConfig, AuditedAttributes } from './policy-rules.ts';
import { requestUri } from './request-uri.ts';
import { sourceAddresses } from './source-addresses.ts';

const USER_AGENT_MAX = 1024;
const CUT = '...TRUNCATED';

/** A moment, by both clocks. */
export interface Moment {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/** What an object says of itself. */
interface ObjectNames {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export class RequestAudit {
  readonly config: AuditConfig;
  readonly #context: RequestContext;
  readonly #received: Moment;
  readonly #request: Pick<HttpRequest, 'url' | 'headers' | 'peer'>;
  readonly #verb: string;
  readonly #user: UserInfo;
  #reference: AuditObjectReference | undefined;
  #impersonated: UserInfo | undefined;
  #constraint = '';
  #requestText: string | undefined;
  #responseText: string | undefined;
  #status: AuditStatus | undefined;

  constructor(context: RequestContext, config: AuditConfig, attributes: AuditedAttributes) {
    const { clock } = context.environment;
    this.config = config;
    this.#context = context;
    this.#received = context.received ?? { nowMs: clock.now(), monotonicMs: clock.monotonicMs() };
    this.#request = context.request;
    this.#verb = attributes.verb;
    this.#user = attributes.user === undefined ? {} : userInfo(attributes.user);
    this.#reference = attributes.isResourceRequest ? referenceOf(attributes) : undefined;
  }

  /** Since the request came, milliseconds. */
  get ageMs(): number {
    return this.#context.environment.clock.monotonicMs() - this.#received.monotonicMs;
  }

  /** Whether as much is written down as `level` has. */
  reaches(level: Level): boolean {
    return LEVELS.indexOf(this.config.level) >= LEVELS.indexOf(level);
  }

  /** The caller acts as `user`. `constraint`: the right that allowed it, where it is a constrained one. */
  impersonates(user: User, constraint: string): void {
    this.#impersonated = userInfo(user);
    this.#constraint = constraint;
  }

  /** The request brought an object, which has been read: `metadata` is what it says of itself. */
  brought(request: HttpRequest, metadata: ObjectNames = {}): void {
    if (this.#reference !== undefined) this.#reference = withNames(this.#reference, metadata);
    const { omitManagedFields } = this.config;
    this.#keepRequest(request, { omitManagedFields });
  }

  /** The request brought a patch. It is written down as it is. */
  broughtPatch(request: HttpRequest): void {
    this.#keepRequest(request, {});
  }

  #keepRequest({ body, headers }: HttpRequest, options: { omitManagedFields?: boolean }): void {
    if (body === undefined || !this.reaches('Request')) return;
    this.#requestText = bodyText(body, headers['content-type'] ?? '', options)?.text;
  }

  /** The request was refused, or failed, with `status`. */
  failed(status: Status): void {
    this.#status = keptOf(status);
    if (this.reaches('RequestResponse')) this.#responseText = JSON.stringify(status);
  }

  /** The request broke the server: nobody meant it to be answered so. */
  broke(message: string): void {
    this.#status = {
      metadata: {},
      status: 'Failure',
      message: `APIServer panic'd: ${message}`,
      reason: 'InternalError',
      code: 500,
    };
  }

  /** The request is answered; answers what to send, because a body may be read once only. */
  answered(response: HttpResponse): HttpResponse {
    const { status: code } = response;
    this.#status = { metadata: {}, code };
    if (!isOfApi(this.#context.info.path)) return response;
    const { body } = response;
    if (body?.kind === 'object') {
      this.#keepValue(body.object as JsonObject, code);
      return response;
    }
    if (!this.reaches('RequestResponse') && !mayBeStatus(body)) return response;
    const whole = wholeBody(body);
    if (whole === undefined) return response;
    this.#keepAnswer(whole.bytes, response.headers['content-type'] ?? '', code);
    return { ...response, body: whole.body };
  }

  #keepAnswer(bytes: Uint8Array, contentType: string, code: number): void {
    const { omitManagedFields } = this.config;
    const found = bodyText(bytes, contentType, { omitManagedFields, isOwn: true });
    if (found === undefined) return;
    if (this.reaches('RequestResponse')) this.#responseText = found.text;
    if (bytes.length > STATUS_BYTES_MAX) return;
    const value = found.value ?? (JSON.parse(found.text) as Json);
    if (isJsonObject(value) && value['kind'] === 'Status')
      this.#status = keptOf({ ...(value as unknown as Status), code });
  }

  #keepValue(value: JsonObject, code: number): void {
    if (value['kind'] === 'Status')
      this.#status = keptOf({ ...(value as unknown as Status), code });
    if (!this.reaches('RequestResponse')) return;
    // The object is others' too: what is left out is left out of a copy.
    const copy = JSON.parse(JSON.stringify(value)) as JsonObject;
    if (this.config.omitManagedFields) dropManagedFields(copy);
    this.#responseText = JSON.stringify(copy);
  }

  /** The picture at `stage`, which is now (but for the first: that is when the request came). */
  at(stage: Stage): AuditEvent {
    const stageMs = this.#received.nowMs + (stage === 'RequestReceived' ? 0 : this.ageMs);
    const annotations = Object.fromEntries([
      ...this.#context.annotations,
      ...(this.reaches('Request') ? this.#context.requestAnnotations : []),
    ]);
    return new AuditEvent(
      this.#head(stage),
      {
        ...(this.#requestText === undefined ? {} : { request: this.#requestText }),
        ...(this.#responseText === undefined ? {} : { response: this.#responseText }),
      },
      {
        requestReceivedTimestamp: micros(this.#received.nowMs),
        stageTimestamp: micros(stageMs),
        ...(Object.keys(annotations).length === 0 ? {} : { annotations: sorted(annotations) }),
      },
    );
  }

  #head(stage: Stage): EventHead {
    const addresses = sourceAddresses(this.#request);
    const userAgent = this.#request.headers['user-agent'] ?? '';
    return {
      kind: 'Event',
      apiVersion: API_VERSION,
      level: this.config.level,
      auditID: this.#context.auditId,
      stage,
      requestURI: requestUri(this.#request.url),
      verb: this.#verb,
      user: this.#user,
      ...(this.#impersonated === undefined ? {} : { impersonatedUser: this.#impersonated }),
      ...(this.#constraint === ''
        ? {}
        : { authenticationMetadata: { impersonationConstraint: this.#constraint } }),
      ...(addresses.length === 0 ? {} : { sourceIPs: addresses }),
      ...(userAgent === '' ? {} : { userAgent: cut(userAgent) }),
      ...(this.#reference === undefined ? {} : { objectRef: this.#reference }),
      ...(this.#status === undefined ? {} : { responseStatus: this.#status }),
    };
  }
}

/** A Status that is no error is never longer; so nothing large is read to find out that it is none. */
const STATUS_BYTES_MAX = 4096;

function mayBeStatus(body: Body | undefined): boolean {
  if (body?.kind !== 'bytes' || body.bytes.length > STATUS_BYTES_MAX) return false;
  const { buffer, byteOffset, byteLength } = body.bytes;
  return Buffer.from(buffer, byteOffset, byteLength).includes('Status');
}

/** Objects are answered here alone; elsewhere pages and documents, which are not written down. */
function isOfApi(path: string): boolean {
  return /^\/apis?(?:\/|$)/.test(path);
}

function keptOf({ status, message, reason, details, code }: Partial<Status>): AuditStatus {
  return {
    metadata: {},
    ...(status === undefined ? {} : { status }),
    ...(message === undefined || message === '' ? {} : { message }),
    ...(reason === undefined || reason === '' ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    ...(code === undefined ? {} : { code }),
  };
}

function referenceOf(attributes: AuditedAttributes): AuditObjectReference {
  const { resource, namespace, name, group, version, subresource } = attributes;
  return inOrder({
    resource,
    namespace,
    name,
    apiGroup: group,
    apiVersion: version,
    subresource,
  });
}

/** What the URL says counts; of the rest the object's own word. */
function withNames(reference: AuditObjectReference, names: ObjectNames): AuditObjectReference {
  const { namespace, name, uid, resourceVersion } = names;
  const given = inOrder({ namespace, name, uid, resourceVersion });
  return inOrder({ ...given, ...reference });
}

/** Without what is empty, in Go's order. */
function inOrder(
  reference: {
    readonly [K in keyof AuditObjectReference]?: string | undefined;
  },
): AuditObjectReference {
  const names = [
    'resource',
    'namespace',
    'name',
    'uid',
    'apiGroup',
    'apiVersion',
    'resourceVersion',
    'subresource',
  ] as const;
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = reference[name] ?? '';
      return value === '' ? [] : [[name, value] as const];
    }),
  );
}

function cut(userAgent: string): string {
  return userAgent.length > USER_AGENT_MAX ? userAgent.slice(0, USER_AGENT_MAX) + CUT : userAgent;
}

/** Milliseconds since 1970, with a fraction, as meta/v1 MicroTime. */
function micros(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return formatMicroTime({ seconds, nanos: Math.floor((ms - seconds * 1000) * 1e6) });
}
