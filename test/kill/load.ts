/**
 * A hundred writes a second: ConfigMaps are created, updated and deleted over HTTPS, at a pace that
 * does not wait for answers, and each answer goes to the ledger. A watch runs beside.
 */
import { CONFIG_MAP } from '../../src/api/core/config-map.ts';
import type { ConfigMap } from '../../src/api/gen/core-v1.ts';
import { StatusError } from '../../src/api/meta/status.ts';
import type { RestClient } from '../../src/client/rest.ts';
import type { Found, Ledger } from './ledger.ts';

const NAMESPACE = 'default';
const LABEL = 'kill-test';
const SELECTOR = { namespace: NAMESPACE, labelSelector: LABEL };
const NAMES = 60;
const WRITES_PER_SECOND = 100;
const DELETED_SHARE = 0.25;

/** What is there now, of our objects. */
export async function listAll(
  client: RestClient,
): Promise<{ items: Map<string, Found>; version: number }> {
  const { items, resourceVersion } = await client.list(CONFIG_MAP, SELECTOR);
  return {
    items: new Map(items.map((item) => [nameOf(item), foundOf(item)])),
    version: Number(resourceVersion),
  };
}

function nameOf(object: ConfigMap): string {
  return object.metadata?.name ?? '';
}

function foundOf(object: ConfigMap): Found {
  return {
    content: object.data?.['content'] ?? '',
    version: Number(object.metadata?.resourceVersion),
  };
}

export interface Load {
  /** Resolves at the first acknowledged write. */
  readonly begun: Promise<void>;
  /** Rejects when a promise was broken, or a request broke off while the server should live. */
  readonly failed: Promise<never>;
  /** The server is about to be killed: from now on requests may break off. */
  expectEnd(): void;
  /** Sends no more; answers how many writes were acknowledged, when nothing is under way. */
  stop(): Promise<number>;
}

/** Begins to write. */
export function startLoad(client: RestClient, ledger: Ledger, round: number): Load {
  const begun = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<never>();
  // Who awaits them is told; here nobody may.
  for (const promise of [begun.promise, failed.promise]) promise.catch(() => {});
  const underWay = new Set<Promise<void>>();
  let acknowledged = 0;
  let sent = 0;
  let dying = false;
  const write = async (name: string): Promise<void> => {
    try {
      await send({ client, ledger, name, content: `${round}.${sent++}` });
      acknowledged++;
      begun.resolve();
    } catch (error) {
      // Without an answer the ledger keeps the write as unanswered.
      if (!dying || !isBrokenOff(error)) failed.reject(error);
    }
  };
  const timer = setInterval(() => {
    const name = `object-${Math.floor(Math.random() * NAMES)}`;
    // One write at a time for each object, so that its last state is known.
    if (ledger.isPending(name)) return;
    const one = write(name).finally(() => underWay.delete(one));
    underWay.add(one);
  }, 1000 / WRITES_PER_SECOND);
  return {
    begun: begun.promise,
    failed: failed.promise,
    expectEnd() {
      dying = true;
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      return acknowledged;
    },
  };
}

/** Errors of the connection, which have a code of the platform; answers and broken promises have none. */
function isBrokenOff(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

/** One write, of a kind that fits the object's state; resolves when it is in the ledger. */
async function send(options: {
  readonly client: RestClient;
  readonly ledger: Ledger;
  readonly name: string;
  readonly content: string;
}): Promise<void> {
  const { client, ledger, name, content } = options;
  const exists = ledger.contentOf(name) !== undefined;
  if (exists && Math.random() < DELETED_SHARE) {
    ledger.begin(name, undefined);
    await client.delete(CONFIG_MAP, { name, namespace: NAMESPACE });
    ledger.acknowledge(name);
    return;
  }
  const resourceVersion = String(ledger.versionOf(name));
  const metadata = { name, namespace: NAMESPACE, labels: { [LABEL]: '' } };
  ledger.begin(name, content);
  const written = exists
    ? await client.update(CONFIG_MAP, {
        metadata: { ...metadata, resourceVersion },
        data: { content },
      })
    : await client.create(CONFIG_MAP, { metadata, data: { content } });
  ledger.acknowledge(name, foundOf(written).version);
}

/**
 * Watches from the last version that the watch told; from `version` when the server does not know
 * that far back. Resolves when the connection ends: whether the server knew. Rejects when a promise
 * was broken.
 */
export async function watchAll(
  client: RestClient,
  ledger: Ledger,
  version: number,
): Promise<{ resumed: boolean }> {
  const isFirst = ledger.newestTold === 0;
  if (isFirst) ledger.skipTo(version);
  if ((await watchUntilEnd(client, ledger)) !== 'expired') return { resumed: !isFirst };
  ledger.skipTo(version);
  if ((await watchUntilEnd(client, ledger)) === 'expired')
    throw new Error(`Version ${version} of a list is too old for a watch`);
  return { resumed: false };
}

async function watchUntilEnd(client: RestClient, ledger: Ledger): Promise<'ended' | 'expired'> {
  const options = { ...SELECTOR, resourceVersion: String(ledger.newestTold) };
  try {
    await client.watch(CONFIG_MAP, options, ({ type, object }) => {
      const { content, version } = foundOf(object);
      ledger.tell(nameOf(object), type === 'DELETED' ? undefined : content, version);
    });
    return 'ended';
  } catch (error) {
    if (error instanceof StatusError && error.code === 410) return 'expired';
    if (isBrokenOff(error)) return 'ended';
    throw error;
  }
}
