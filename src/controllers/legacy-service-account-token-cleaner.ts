/**
 * Cleaner of tokens that control planes of old made for every service account, and that nobody has
 * used for a year: first blocked by a label, after another year deleted.
 *
 * Upstream: pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go, v1.36; KEP-2799.
 */
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { POD } from '#api/core/pod.ts';
import { SECRET } from '#api/core/secret.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import type { Pod, Secret, ServiceAccount } from '#api/gen/core-v1.ts';
import { isConflict, isNotFound } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { type Informer, keyFor } from '#client/informer.ts';
import { type Controller, defineKeyController, type Setup } from '#reconcile/controller.ts';
import {
  dateOf,
  type Fate,
  fateOf,
  INVALID_SINCE,
  isDate,
} from './legacy-service-account-token-cleaner/plan.ts';

const DAY_MS = 24 * 60 * 60_000;
const UNUSED_MS_DEFAULT = 365 * DAY_MS;
const TYPE = 'kubernetes.io/service-account-token';
/** Since when uses are noted. */
const TRACKING = {
  name: 'kube-apiserver-legacy-service-account-token-tracking',
  namespace: 'kube-system',
};
const LOOK = 'look';

/** `unusedMs`: for how long a token must not have been used, whole days; a year unless given. */
export function legacyTokenCleaner({
  unusedMs = UNUSED_MS_DEFAULT,
}: {
  readonly unusedMs?: number;
} = {}): Controller {
  return defineKeyController({
    name: 'legacy-service-account-token-cleaner',
    create: (setup) => {
      const cleaner = new Cleaner(setup, unusedMs);
      setup.enqueue(LOOK);
      return async (_, { client }) => {
        await cleaner.look(client);
        return { requeueAfterMs: DAY_MS };
      };
    },
  });
}

class Cleaner {
  readonly #setup: Setup;
  readonly #unusedMs: number;
  readonly #accounts: Informer<ServiceAccount>;
  readonly #secrets: Informer<Secret>;
  readonly #pods: Informer<Pod>;

  constructor(setup: Setup, unusedMs: number) {
    this.#setup = setup;
    this.#unusedMs = unusedMs;
    this.#accounts = setup.watch(SERVICE_ACCOUNT);
    this.#secrets = setup.watch(SECRET, undefined, { fieldSelector: `type=${TYPE}` });
    this.#pods = setup.watch(POD);
  }

  async look(client: Client): Promise<void> {
    const nowMs = this.#setup.environment.clock.now();
    const trackedMs = await trackedSinceMs(client);
    if (trackedMs === undefined || nowMs < trackedMs + this.#unusedMs) return;
    const world = {
      nowMs,
      unusedMs: this.#unusedMs,
      account: (name: string, namespace: string) => this.#accounts.get(keyFor(name, namespace)),
      pods: (namespace: string) => this.#pods.list(namespace),
    };
    for (const secret of this.#secrets.list()) {
      try {
        await act(secret, fateOf(secret, world), { client, nowMs });
      } catch (error) {
        if (!isConflict(error) && !isNotFound(error)) throw error;
      }
    }
  }
}

async function act(
  { metadata }: Secret,
  fate: Fate,
  { client, nowMs }: { readonly client: Client; readonly nowMs: number },
): Promise<void> {
  const { name = '', namespace = '', uid, resourceVersion } = metadata ?? {};
  const target = { name, namespace };
  if (fate === 'block') {
    const patch = { metadata: { uid, labels: { [INVALID_SINCE]: dateOf(nowMs) } } };
    await client.patch(SECRET, target, 'merge', patch);
  } else if (fate === 'delete') {
    const preconditions = resourceVersion === undefined ? {} : { resourceVersion };
    await client.delete(SECRET, target, { preconditions });
  }
}

/** The start of the first whole day of which every use is noted. */
async function trackedSinceMs(client: Client): Promise<number | undefined> {
  try {
    const { data } = await client.get(CONFIG_MAP, TRACKING.name, TRACKING.namespace);
    const since = data?.['since'] ?? '';
    return isDate(since) ? Date.parse(since) + DAY_MS : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
