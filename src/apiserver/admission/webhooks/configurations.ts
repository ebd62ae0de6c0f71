/**
 * The webhooks that are configured, by the names of their configurations, made ready once for each
 * revision of a configuration.
 *
 * Upstream: admission/configuration/{mutating,validating}_webhook_manager.go, plugin/webhook/accessors.go.
 */
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
} from '#api/gen/admissionregistration-v1.ts';
import type { ObjectReader } from '../admission.ts';
import { MatchConditions } from '../matching/conditions.ts';
import { type MatchCriteria, webhookCriteria } from '../matching/matcher.ts';
import type { Target } from '../targets.ts';

/** Of both kinds; only mutating ones have a reinvocationPolicy. */
export type Webhook = MutatingWebhook;
export type WebhookConfiguration = MutatingWebhookConfiguration;

export interface ReadyWebhook {
  /** Among all webhooks: names may come twice. */
  readonly uid: string;
  readonly configuration: string;
  readonly webhook: Webhook;
  readonly criteria: MatchCriteria;
  readonly conditions: MatchConditions;
  /** The request goes on where the webhook cannot be asked. */
  readonly ignoresFailures: boolean;
}

export class WebhookConfigurations {
  readonly #reader: ObjectReader;
  readonly #target: Target;
  readonly #type: 'admit' | 'validating';
  /** In order. Undefined: something has changed, or nobody has asked yet. */
  #webhooks: readonly ReadyWebhook[] | undefined;
  /** By the name of the configuration; no more than there are. */
  #ready = new Map<
    string,
    { readonly revision: string; readonly webhooks: readonly ReadyWebhook[] }
  >();

  constructor(reader: ObjectReader, target: Target, type: 'admit' | 'validating') {
    this.#reader = reader;
    this.#target = target;
    this.#type = type;
    reader.follow(target, () => {
      this.#webhooks = undefined;
    });
  }

  /** As the caches show them; empty for most clusters, and then it costs nothing. */
  get all(): readonly ReadyWebhook[] {
    this.#webhooks ??= this.#read();
    return this.#webhooks;
  }

  #read(): readonly ReadyWebhook[] {
    const configurations = [...this.#reader.list(this.#target)] as WebhookConfiguration[];
    const before = this.#ready;
    this.#ready = new Map();
    for (const configuration of configurations.toSorted(byName)) {
      const { name = '', uid = '', resourceVersion = '' } = configuration.metadata ?? {};
      const revision = `${uid}/${resourceVersion}`;
      const known = before.get(name);
      const isKnown = known !== undefined && known.revision === revision;
      const webhooks = isKnown ? known.webhooks : readyWebhooks(configuration, this.#type);
      this.#ready.set(name, { revision, webhooks });
    }
    return [...this.#ready.values()].flatMap(({ webhooks }) => webhooks);
  }
}

function byName(
  { metadata: one }: WebhookConfiguration,
  { metadata: other }: WebhookConfiguration,
) {
  return (one?.name ?? '') < (other?.name ?? '') ? -1 : 1;
}

function readyWebhooks(
  { metadata, webhooks = [] }: WebhookConfiguration,
  type: 'admit' | 'validating',
): ReadyWebhook[] {
  const configuration = metadata?.name ?? '';
  const seen = new Map<string, number>();
  return webhooks.map((webhook) => {
    const { name } = webhook;
    const nth = seen.get(name) ?? 0;
    seen.set(name, nth + 1);
    const ignoresFailures = webhook.failurePolicy === 'Ignore';
    const failurePolicy = ignoresFailures ? 'Ignore' : 'Fail';
    const owner = { name, kind: 'webhook', type, failurePolicy } as const;
    return {
      uid: `${configuration}/${name}/${nth}`,
      configuration,
      webhook,
      criteria: webhookCriteria(webhook),
      conditions: new MatchConditions(webhook.matchConditions ?? [], owner),
      ignoresFailures,
    };
  });
}
