/**
 * What a webhook is shown of the API server: the credentials of the user that a kubeconfig has for
 * the webhook's server.
 *
 * Source: Kubernetes documentation, "Dynamic Admission Control", Authenticate apiservers; upstream
 * apiserver/pkg/util/webhook/authentication.go.
 */
import type { Headers } from '#base/http/message.ts';

export interface WebhookCredentials {
  /** PEM of a client certificate and of its key. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** A token, a password, another user to act as. */
  readonly headers: Headers;
}

/** Its credentials of the moment: files may have been written anew. */
export type WebhookUser = () => WebhookCredentials;

export interface WebhookUsers {
  /** `host`, `host:port`, `*.suffix` with and without a port, or `*`. */
  readonly byName: ReadonlyMap<string, WebhookUser>;
  /** Of the current context: for servers that no name fits. */
  readonly current?: WebhookUser;
}

const DEFAULT_PORT = /:443$/;

/** For the server `target` (`host:port`, an IPv6 address in brackets); undefined: nothing is shown. */
export function userFor(
  { byName, current }: WebhookUsers,
  target: string,
): WebhookUser | undefined {
  const names = [...namesOf(target), ...(DEFAULT_PORT.test(target) ? namesOf(hostOf(target)) : [])];
  const name = [...names, '*'].find((each) => byName.has(each));
  return name === undefined ? current : byName.get(name);
}

function hostOf(target: string): string {
  return target.replace(DEFAULT_PORT, '').replace(/^\[|\]$/g, '');
}

/** The name itself, then with ever more of its beginning as a star. */
function namesOf(name: string): string[] {
  const labels = name.split('.');
  return [name, ...labels.slice(1).map((_, i) => `*.${labels.slice(i + 1).join('.')}`)];
}
