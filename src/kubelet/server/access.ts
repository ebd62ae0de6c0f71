/**
 * Who calls the kubelet's server, and what they have to be allowed.
 *
 * Source: KEP-2862 (fine-grained authorization); Kubernetes documentation "Kubelet
 * authentication/authorization" v1.36. Upstream: pkg/kubelet/server/auth.go.
 */
import type { HttpRequest, Peer } from '#base/http/message.ts';

export interface KubeletUser {
  readonly name: string;
  readonly groups: readonly string[];
}

export interface KubeletAccess {
  readonly user: KubeletUser;
  readonly verb: 'get' | 'create' | 'update' | 'patch' | 'delete';
  /** Of the resource `nodes`: `proxy`, `stats`, `metrics`, `log`, `healthz`, `configz`, `pods`, `checkpoint`. */
  readonly subresource: string;
  readonly nodeName: string;
}

const VERBS: Readonly<Record<string, KubeletAccess['verb']>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** By the first part of the path. One of them is enough; the first is looked at first. */
const SUBRESOURCES: Readonly<Record<string, readonly string[]>> = {
  stats: ['stats'],
  metrics: ['metrics'],
  logs: ['log'],
  checkpoint: ['checkpoint'],
  pods: ['pods', 'proxy'],
  runningpods: ['pods', 'proxy'],
  healthz: ['healthz', 'proxy'],
  configz: ['configz', 'proxy'],
};
const OTHER = ['proxy'];

/** Undefined: there is no such method here. */
export function verbOf(method: string): KubeletAccess['verb'] | undefined {
  return Object.hasOwn(VERBS, method) ? VERBS[method] : undefined;
}

/** `first`: part of the path. */
export function subresourcesOf(first: string): readonly string[] {
  return (Object.hasOwn(SUBRESOURCES, first) ? SUBRESOURCES[first] : undefined) ?? OTHER;
}

/** By the client certificate; undefined: there was none. */
export function certifiedUser(peer: Peer | undefined): KubeletUser | undefined {
  if (peer?.component !== undefined) return peer.component;
  const { commonName = '', organizations = [] } = peer?.certificate ?? {};
  return commonName === '' ? undefined : { name: commonName, groups: organizations };
}

/** Of the header `Authorization`. */
export function bearerToken({ headers }: HttpRequest): string | undefined {
  return /^bearer +(\S+)$/i.exec(headers['authorization'] ?? '')?.[1];
}
