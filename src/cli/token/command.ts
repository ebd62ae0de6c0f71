/**
 * `cox token`: bootstrap tokens, which machines join by.
 *
 * Source: kubeadm token, upstream cmd/kubeadm/app/cmd/token.go and apis/bootstraptoken/v1, v1.36.
 */
import {
  BOOTSTRAP_TOKEN_NAMESPACE,
  BOOTSTRAP_TOKEN_TYPE,
  BOOTSTRAP_TOKENS,
  type BootstrapToken,
  bootstrapField,
  bootstrapSecretName,
  isBootstrapGroup,
  isBootstrapTokenId,
  parseBootstrapToken,
  remainingMs,
} from '#api/core/bootstrap-token.ts';
import { parseDuration } from '#api/codec/duration.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { SECRET } from '#api/core/secret.ts';
import type { ConfigMap, Secret } from '#api/gen/core-v1.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import type { Environment, Random } from '#base/env.ts';
import type { Client } from '#client/client.ts';
import { addressOf, CLUSTER_INFO, CLUSTER_INFO_KEY } from '#kubelet/bootstrap/cluster-info.ts';
import { certificateKeyPins } from '#kubelet/bootstrap/key-pins.ts';
import { NODE_TOKEN_GROUP } from '../join-names.ts';
import { urlHost } from '../listen-address.ts';
import { oneLine, tableLines } from '../table-lines.ts';
import { UserError } from '../user-error.ts';

export interface CreateFlags {
  readonly ttl: string;
  readonly usages: readonly string[];
  readonly groups: readonly string[];
  readonly description: string;
  readonly printJoinCommand?: boolean;
}

/** kubeadm's. */
export const CREATE_DEFAULTS: CreateFlags = {
  ttl: '24h0m0s',
  usages: ['signing', 'authentication'],
  groups: [NODE_TOKEN_GROUP],
  description: '',
};

const USAGES = ['authentication', 'signing'];
const ID_LENGTH = 6;
const SECRET_LENGTH = 16;
const NONE = '<none>';

type Parts = { readonly client: Client; readonly environment: Environment };

/** The text to print. `text`: the token; one is made where it is undefined. Rejects with UserError. */
export async function createToken(
  text: string | undefined,
  flags: CreateFlags,
  { client, environment }: Parts,
): Promise<string> {
  const token = text === undefined ? randomToken(environment.random) : tokenOf(text);
  const secret = secretOf(token, flags, environment.clock.now());
  try {
    await client.create(SECRET, secret);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    throw new UserError(`Cannot create a token with id ${JSON.stringify(token.id)}: there is one.`);
  }
  const full = `${token.id}.${token.secret}`;
  if (flags.printJoinCommand !== true) return `${full}\n`;
  return `${await joinCommand(full, client)}\n`;
}

async function joinCommand(token: string, client: Client): Promise<string> {
  const { name, namespace } = CLUSTER_INFO;
  const info: ConfigMap = await client.get(CONFIG_MAP, name, namespace);
  const { host, port, authority } = addressOf(info.data?.[CLUSTER_INFO_KEY] ?? '');
  const pins = certificateKeyPins(authority).map((pin) => ` --discovery-token-ca-cert-hash ${pin}`);
  return `cox join ${urlHost(host)}:${port} --token ${token}${pins.join('')}`;
}

/** A line of headings, and one of each token, by id. */
export async function listTokens({ client, environment }: Parts): Promise<string> {
  const { items } = await client.list(SECRET, BOOTSTRAP_TOKENS);
  const nowMs = environment.clock.now();
  const rows = items
    .toSorted((a, b) => ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1))
    .map((secret) => rowOf(secret, nowMs).map(oneLine));
  if (rows.length === 0) return '';
  const headings = ['TOKEN', 'TTL', 'EXPIRES', 'USAGES', 'DESCRIPTION', 'EXTRA GROUPS'];
  return `${tableLines([headings, ...rows]).join('\n')}\n`;
}

function rowOf(secret: Secret, nowMs: number): string[] {
  const field = (name: string): string => bootstrapField(secret, name);
  const leftMs = remainingMs(secret, nowMs);
  const usages = USAGES.filter((usage) => field(`usage-bootstrap-${usage}`) === 'true');
  return [
    `${field('token-id')}.${field('token-secret')}`,
    ttlText(leftMs),
    leftMs === undefined ? '<never>' : field('expiration'),
    usages.join(',') || NONE,
    field('description') || NONE,
    field('auth-extra-groups') || NONE,
  ];
}

function ttlText(leftMs: number | undefined): string {
  if (leftMs === undefined) return '<forever>';
  return leftMs <= 0 ? '<invalid>' : shortDuration(leftMs);
}

/** The largest unit alone, as upstream's ShortHumanDuration (apimachinery/pkg/util/duration). */
function shortDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const units = [
    ['y', 365 * 86_400],
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
  ] as const;
  const [unit, size] = units.find((each) => seconds >= each[1]) ?? (['s', 1] as const);
  return `${Math.floor(seconds / size)}${unit}`;
}

/** `texts`: ids, or whole tokens. Answers a line for each. Rejects with UserError. */
export async function deleteTokens(
  texts: readonly string[],
  { client }: Pick<Parts, 'client'>,
): Promise<string> {
  const ids = texts.map((text) => {
    const id = parseBootstrapToken(text)?.id ?? text;
    if (isBootstrapTokenId(id)) return id;
    throw new UserError(
      `Cannot delete ${JSON.stringify(text)}: give the id of a token (six of a-z and 0-9), or the whole token.`,
    );
  });
  const lines: string[] = [];
  for (const id of ids) {
    const target = { name: bootstrapSecretName(id), namespace: BOOTSTRAP_TOKEN_NAMESPACE };
    try {
      await client.delete(SECRET, target);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      throw new UserError(`Cannot delete token ${JSON.stringify(id)}: there is none.`);
    }
    lines.push(`bootstrap token ${JSON.stringify(id)} deleted\n`);
  }
  return lines.join('');
}

/** A token that nobody knows yet, of good random numbers. */
export function generateToken(random: Random): string {
  const { id, secret } = randomToken(random);
  return `${id}.${secret}\n`;
}

function randomToken(random: Random): BootstrapToken {
  return { id: randomText(random, ID_LENGTH), secret: randomText(random, SECRET_LENGTH) };
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** Bytes from here on are not taken: with them some letters would come more often. */
const BYTE_END = 256 - (256 % LETTERS.length);

function randomText(random: Random, length: number): string {
  let text = '';
  while (text.length < length)
    for (const byte of random.bytes(length - text.length))
      if (byte < BYTE_END) text += LETTERS[byte % LETTERS.length] ?? '';
  return text;
}

function tokenOf(text: string): BootstrapToken {
  const token = parseBootstrapToken(text);
  if (token !== undefined) return token;
  throw new UserError(
    `Cannot use token ${JSON.stringify(text)}: a token is six and sixteen of a-z and 0-9, with a dot between ("cox token generate" makes one).`,
  );
}

function secretOf(token: BootstrapToken, flags: CreateFlags, nowMs: number): Secret {
  const { usages, groups, description } = flags;
  const badUsage = usages.find((usage) => !USAGES.includes(usage));
  if (badUsage !== undefined)
    throw new UserError(
      `Cannot use usage ${JSON.stringify(badUsage)}: authentication and signing are what there is.`,
    );
  const badGroup = groups.find((group) => !isBootstrapGroup(group));
  if (badGroup !== undefined)
    throw new UserError(
      `Cannot use group ${JSON.stringify(badGroup)}: its name has to begin with system:bootstrappers: and go on with a-z, 0-9, : and -.`,
    );
  if (groups.length > 0 && !usages.includes('authentication'))
    throw new UserError(
      'Cannot give groups to a token that does not authenticate: leave out --groups (--groups "") or add the usage authentication.',
    );
  const ttlMs = ttlOf(flags.ttl);
  return {
    metadata: { name: bootstrapSecretName(token.id), namespace: BOOTSTRAP_TOKEN_NAMESPACE },
    type: BOOTSTRAP_TOKEN_TYPE,
    stringData: {
      'token-id': token.id,
      'token-secret': token.secret,
      ...(ttlMs === 0 ? {} : { expiration: timeText(nowMs + ttlMs) }),
      ...Object.fromEntries(usages.map((usage) => [`usage-bootstrap-${usage}`, 'true'])),
      ...(groups.length === 0 ? {} : { 'auth-extra-groups': groups.join(',') }),
      ...(description === '' ? {} : { description }),
    },
  };
}

const NS_PER_MS = 1e6;

/** Milliseconds; 0: without an end. */
function ttlOf(text: string): number {
  const bad = (): UserError =>
    new UserError(
      `Cannot use --ttl ${JSON.stringify(text)}: give a time like 1h30m, or 0 for ever.`,
    );
  let ttlMs: number;
  try {
    ttlMs = parseDuration(text) / NS_PER_MS;
  } catch {
    throw bad();
  }
  if (!(ttlMs >= 0)) throw bad();
  return ttlMs;
}
