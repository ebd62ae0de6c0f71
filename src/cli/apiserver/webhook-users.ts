/**
 * What webhooks are shown of the API server: the users of a kubeconfig, with the files that they
 * name.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/util/webhook/authentication.go; client-go
 * transport for how often files are read.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { fromYaml } from '#api/codec/yaml.ts';
import { identityHeaders } from '#apiserver/aggregator/identity.ts';
import type {
  WebhookCredentials,
  WebhookUser,
  WebhookUsers,
} from '#apiserver/webhooks/credentials.ts';
import type { Headers } from '#base/http/message.ts';
import { type UserAccess, usersOf } from '#client/kubeconfig.ts';
import { readFile } from '../flags.ts';
import { TOKEN_FILE_MS } from '../kube-client.ts';
import { reread } from '../reread.ts';
import { messageOf, UserError } from '../user-error.ts';

const CERTIFICATE_FILES_MS = 1_000;
const CONTROL = /[\u0000-\u001f\u007f]/;

interface Files {
  /** Of the kubeconfig: what it names is beside it. */
  readonly folder: string;
  readonly nowMs: (() => number) | undefined;
}

/**
 * All files are read now: what cannot be used is known before a webhook is asked. Throws UserError.
 */
export function webhookUsers(path: string, nowMs?: () => number): WebhookUsers {
  const files = { folder: dirname(path), nowMs };
  try {
    const { byName, current } = usersOf(fromYaml(readFile(path)));
    const users = new Map(
      [...byName].map(([name, user]) => [name, webhookUser(name, user, files)] as const),
    );
    const ofContext = current === undefined ? undefined : users.get(current);
    return { byName: users, ...(ofContext === undefined ? {} : { current: ofContext }) };
  } catch (error) {
    throw new UserError(`Cannot use kubeconfig ${path}: ${messageOf(error)}`);
  }
}

function webhookUser(name: string, user: UserAccess, files: Files): WebhookUser {
  try {
    const certificate = certificateOf(user, files);
    const authorization = authorizationOf(user, files);
    const as: Headers = user.as === undefined ? {} : identityHeaders(user.as, 'impersonate');
    return () => ({
      ...(certificate === undefined ? {} : { certificate: certificate() }),
      headers: {
        ...(authorization === undefined ? {} : { authorization: authorization() }),
        ...as,
      },
    });
  } catch (error) {
    throw new UserError(`Cannot use user ${JSON.stringify(name)}: ${messageOf(error)}`);
  }
}

type Certificate = NonNullable<WebhookCredentials['certificate']>;

function certificateOf(user: UserAccess, files: Files): (() => Certificate) | undefined {
  const cert = textOf(user.cert, user.certFile, files);
  const key = textOf(user.key, user.keyFile, files);
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new UserError('a client certificate and its key come together, or not at all');
  const read = (): Certificate => {
    const pair = { cert: cert(), key: key() };
    if (!new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key)))
      throw new UserError('the key is not that of the client certificate');
    return pair;
  };
  return reread(read, CERTIFICATE_FILES_MS, files.nowMs);
}

/** Data counts before a file. */
function textOf(
  data: string | undefined,
  file: string | undefined,
  { folder }: Files,
): (() => string) | undefined {
  if (data !== undefined) return () => data;
  return file === undefined ? undefined : () => readFile(resolve(folder, file));
}

/** The value of the header. Of a token and a file of one the file counts, as in client-go. */
function authorizationOf(user: UserAccess, files: Files): (() => string) | undefined {
  const { token, tokenFile, username = '', password = '' } = user;
  const read = textOf(tokenFile === undefined ? token : undefined, tokenFile, files);
  const isBasic = username !== '' || password !== '';
  if (isBasic && read !== undefined)
    throw new UserError('username/password or bearer token may be set, but not both');
  if (isBasic) {
    const basic = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    return () => basic;
  }
  if (read === undefined) return undefined;
  const bearer = (): string => {
    const text = read().trim();
    if (text === '') throw new UserError('the token is empty');
    if (CONTROL.test(text)) throw new UserError('the token has control characters');
    return `Bearer ${text}`;
  };
  return reread(bearer, TOKEN_FILE_MS, files.nowMs);
}
