/**
 * An audit event: what is written down of a request at one stage of its life.
 *
 * Source: the configuration API audit.k8s.io/v1, "Event"; upstream v1.36
 * staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go and pkg/audit/format.go.
 */
import { API_VERSION, type Level, type Stage } from '#api/audit/policy.ts';
import { escapeHtml } from '#api/codec/html.ts';
import type { Status } from '#api/meta/status.ts';
import type { User } from '../context.ts';

export interface UserInfo {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: User['extra'];
}

export interface AuditObjectReference {
  readonly resource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly apiGroup?: string;
  readonly apiVersion?: string;
  readonly resourceVersion?: string;
  readonly subresource?: string;
}

/** What upstream keeps of a Status. */
export type AuditStatus = Partial<
  Pick<Status, 'status' | 'message' | 'reason' | 'details' | 'code'>
> & { readonly metadata: Readonly<Record<string, never>> };

/** An event but for its bodies, in the order in which it is written. */
export interface EventHead {
  readonly kind: 'Event';
  readonly apiVersion: typeof API_VERSION;
  readonly level: Level;
  readonly auditID: string;
  readonly stage: Stage;
  readonly requestURI: string;
  readonly verb: string;
  readonly user: UserInfo;
  readonly impersonatedUser?: UserInfo;
  readonly authenticationMetadata?: { readonly impersonationConstraint: string };
  readonly sourceIPs?: readonly string[];
  readonly userAgent?: string;
  readonly objectRef?: AuditObjectReference;
  readonly responseStatus?: AuditStatus;
}

/** What stands behind the bodies. */
export interface EventTail {
  /** RFC 3339, microseconds. */
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Objects of a request as texts of JSON, each without a line break. */
export interface EventBodies {
  readonly request?: string;
  readonly response?: string;
}

export class AuditEvent {
  readonly head: EventHead;
  readonly #bodies: EventBodies;
  readonly #tail: EventTail;
  #text: string | undefined;

  constructor(head: EventHead, bodies: EventBodies, tail: EventTail) {
    this.head = head;
    this.#bodies = bodies;
    this.#tail = tail;
  }

  /** The event as JSON on one line, without its end. */
  get text(): string {
    this.#text ??= escapeHtml(
      [
        JSON.stringify(this.head).slice(0, -1),
        ...member('requestObject', this.#bodies.request),
        ...member('responseObject', this.#bodies.response),
        JSON.stringify(this.#tail).slice(1),
      ].join(','),
    );
    return this.#text;
  }

  /** Of `text`, bytes. */
  get size(): number {
    return Buffer.byteLength(this.text);
  }

  /** The event without its bodies, and with a note that it had some. */
  truncated(): AuditEvent {
    const annotations = { ...this.#tail.annotations, 'audit.k8s.io/truncated': 'true' };
    return new AuditEvent(this.head, {}, { ...this.#tail, annotations: sorted(annotations) });
  }

  /** The format `legacy`: the same on one line for people, without the bodies. */
  legacyText(): string {
    const { head } = this;
    const { user, impersonatedUser: other } = head;
    const values = {
      id: head.auditID,
      stage: head.stage,
      ip: head.sourceIPs?.[0] ?? '<unknown>',
      method: head.verb,
      user: user.username ?? '<none>',
      groups: user.username === undefined ? '<none>' : listText(user.groups, '<none>'),
      as: other === undefined ? '<self>' : (other.username ?? ''),
      asgroups: listText(other?.groups, '<lookup>'),
      'user-agent': head.userAgent ?? '',
      namespace: head.objectRef?.namespace ?? '<none>',
      uri: head.requestURI,
      response: String(head.responseStatus?.code ?? '<deferred>'),
    };
    const words = Object.entries(values).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    return `${legacyTime(this.#tail.requestReceivedTimestamp)} AUDIT: ${words.join(' ')}`;
  }
}

function member(name: string, text: string | undefined): string[] {
  return text === undefined ? [] : [`"${name}":${text}`];
}

/** Groups between commas, each in quotes. */
function listText(items: readonly string[] | undefined, otherwise: string): string {
  if (items === undefined || items.length === 0) return otherwise;
  return items.map((item) => JSON.stringify(item)).join(',');
}

/** Go's RFC3339Nano: a fraction without zeros at its end. */
function legacyTime(text: string): string {
  return text.replace(/\.?0*Z$/, 'Z');
}

/** Go writes a map in the order of its keys. */
export function sorted(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** What is given of a user, as Go leaves out what is empty. */
export function userInfo({ name, uid, groups, extra }: User): UserInfo {
  return {
    ...(name === '' ? {} : { username: name }),
    ...(uid === undefined || uid === '' ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(extra === undefined || Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
