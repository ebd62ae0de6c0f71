/**
 * Secrets of type service-account-token: filled with a token, the CA and the namespace, and removed
 * with their account; a Secret that goes is taken off its account.
 *
 * Upstream: pkg/controller/serviceaccount/tokens_controller.go and pkg/serviceaccount/legacy.go, v1.36.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { SECRET } from '#api/core/secret.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import type { Secret, ServiceAccount } from '#api/gen/core-v1.ts';
import type { ObjectMeta } from '#api/meta/object.ts';
import { isConflict, isNotFound } from '#api/meta/status.ts';
import { signJwt } from '#base/jwt.ts';
import type { Client } from '#client/client.ts';
import { type Informer, keyFor } from '#client/informer.ts';
import {
  type Controller,
  defineKeyController,
  type Pass,
  type Setup,
} from '#reconcile/controller.ts';

const TYPE = 'kubernetes.io/service-account-token';
const ACCOUNT_NAME = 'kubernetes.io/service-account.name';
const ACCOUNT_UID = 'kubernetes.io/service-account.uid';
const ISSUER = 'kubernetes/serviceaccount';
const CLAIM = 'kubernetes.io/serviceaccount/';

export interface ServiceAccountTokenOptions {
  /** The PEM private key that tokens are signed with. */
  readonly key: string;
  /** The cluster's CA in PEM, for the Secrets. */
  readonly rootCa?: string;
}

export function serviceAccountTokenController(options: ServiceAccountTokenOptions): Controller {
  const key = createPrivateKey(options.key);
  return defineKeyController({
    name: 'serviceaccount-token-controller',
    queue: 'serviceaccount_tokens_service',
    identity: null,
    create: (setup) => new Tokens(setup, key, options.rootCa).reconcile,
  });
}

interface Place {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

class Tokens {
  readonly #accounts: Informer<ServiceAccount>;
  readonly #secrets: Informer<Secret>;
  readonly #client: Client;
  readonly #key: KeyObject;
  readonly #ca: string;

  constructor(setup: Setup, key: KeyObject, rootCa = '') {
    this.#client = setup.client;
    this.#key = key;
    this.#ca = base64(rootCa);
    this.#accounts = setup.watch(SERVICE_ACCOUNT, ({ object: { metadata }, previous }) => [
      accountKey(metadata),
      ...(previous === undefined ? [] : [accountKey(previous.metadata)]),
    ]);
    const onlyTokens = { fieldSelector: `type=${TYPE}` };
    this.#secrets = setup.watch(
      SECRET,
      ({ object, previous }) => [
        secretKey(object),
        ...(previous === undefined ? [] : [secretKey(previous)]),
      ],
      onlyTokens,
    );
  }

  readonly reconcile = async (key: string, pass: Pass): Promise<void> => {
    const [what, namespace = '', name = '', uid = '', ...account] = key.split('/');
    if (what === 'account') return this.#syncAccount({ namespace, name, uid }, pass);
    const [accountName = '', accountUid = ''] = account;
    const owner = { namespace, name: accountName, uid: accountUid };
    const secret = this.#secrets.get(keyFor(name, namespace));
    if (secret?.metadata?.uid !== uid) return this.#unreference(owner, { namespace, name, uid });
    const known = this.#known(owner) ?? (await this.#live(owner));
    if (known === undefined) return deleteIfSame({ namespace, name, uid }, pass);
    await this.#fill(secret, known, pass);
  };

  /** The tokens of an account that is gone go too. */
  async #syncAccount(account: Place, pass: Pass): Promise<void> {
    if (this.#known(account) !== undefined) return;
    for (const { metadata } of this.#secrets.list(account.namespace)) {
      const { name = '', namespace = '', uid = '', annotations = {} } = metadata ?? {};
      if (annotations[ACCOUNT_NAME] !== account.name) continue;
      const of = annotations[ACCOUNT_UID] ?? '';
      if (of === '' || of === account.uid) await deleteIfSame({ namespace, name, uid }, pass);
    }
  }

  #known({ namespace, name, uid }: Place): ServiceAccount | undefined {
    const account = this.#accounts.get(keyFor(name, namespace));
    return uid === '' || account?.metadata?.uid === uid ? account : undefined;
  }

  async #live({ namespace, name, uid }: Place): Promise<ServiceAccount | undefined> {
    if (name === '') return undefined;
    const account = await getIfThere(this.#client, name, namespace);
    return uid === '' || account?.metadata?.uid === uid ? account : undefined;
  }

  async #fill(secret: Secret, account: ServiceAccount, { client }: Pass): Promise<void> {
    const data = this.#filled(secret, account);
    if (data === undefined) return;
    const { name = '', uid = '' } = account.metadata ?? {};
    const annotations = {
      ...secret.metadata?.annotations,
      [ACCOUNT_NAME]: name,
      [ACCOUNT_UID]: uid,
    };
    try {
      // With the version that was looked at: whoever was faster is heard of by another change.
      const metadata = { ...secret.metadata, annotations };
      await client.update(SECRET, { ...secret, metadata, data });
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }

  /** The data with what was missing; undefined: nothing was. */
  #filled(secret: Secret, account: ServiceAccount): Record<string, string> | undefined {
    const { data = {}, metadata } = secret;
    const namespace = metadata?.namespace ?? '';
    const needsCa = this.#ca !== '' && data['ca.crt'] !== this.#ca;
    const needsNamespace = (data['namespace'] ?? '') === '';
    const needsToken = (data['token'] ?? '') === '';
    if (!needsCa && !needsNamespace && !needsToken) return undefined;
    return {
      ...data,
      ...(needsCa ? { 'ca.crt': this.#ca } : {}),
      ...(needsNamespace ? { namespace: base64(namespace) } : {}),
      ...(needsToken ? { token: base64(this.#token(account, metadata)) } : {}),
    };
  }

  /** Without an end: it counts as long as the Secret is there. */
  #token({ metadata: account }: ServiceAccount, secret: ObjectMeta | undefined): string {
    const claims = {
      iss: ISSUER,
      [`${CLAIM}namespace`]: account?.namespace,
      [`${CLAIM}secret.name`]: secret?.name,
      [`${CLAIM}service-account.name`]: account?.name,
      [`${CLAIM}service-account.uid`]: account?.uid,
      sub: `system:serviceaccount:${account?.namespace}:${account?.name}`,
    };
    return signJwt(claims, this.#key);
  }

  async #unreference(owner: Place, { name }: Place): Promise<void> {
    if (this.#known(owner) === undefined) return;
    const account = await this.#live(owner);
    const secrets = account?.secrets ?? [];
    if (account === undefined || !secrets.some((each) => each.name === name)) return;
    const kept = secrets.filter((each) => each.name !== name);
    try {
      await this.#client.update(SERVICE_ACCOUNT, { ...account, secrets: kept });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function accountKey(metadata: ObjectMeta | undefined): string {
  return `account/${metadata?.namespace}/${metadata?.name}/${metadata?.uid}`;
}

/** With the account it names: both are needed when the Secret is gone. */
function secretKey({ metadata }: Secret): string {
  const { namespace, name, uid, annotations = {} } = metadata ?? {};
  const account = [annotations[ACCOUNT_NAME] ?? '', annotations[ACCOUNT_UID] ?? ''];
  return ['secret', namespace, name, uid, ...account].join('/');
}

async function getIfThere(
  client: Client,
  name: string,
  namespace: string,
): Promise<ServiceAccount | undefined> {
  try {
    return await client.get(SERVICE_ACCOUNT, name, namespace);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function deleteIfSame({ uid, ...target }: Place, { client }: Pass): Promise<void> {
  try {
    await client.delete(SECRET, target, { preconditions: { uid } });
  } catch (error) {
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
