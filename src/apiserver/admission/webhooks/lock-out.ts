/**
 * Webhooks that would keep themselves from coming back: they are asked of what they run on, refuse
 * it while they cannot be reached, and cannot be reached without it. Ours: upstream's documentation
 * warns of it ("Avoiding deadlocks in self-hosted webhooks"), its server does not.
 */
import type { Service } from '#api/gen/core-v1.ts';
import { type Labels, labelSelectorMatches } from '#api/meta/labels.ts';
import type { Attributes, ObjectReader } from '../admission.ts';
import { ruleMatches } from '../matching/rules.ts';
import { NAMESPACES, SERVICES } from '../targets.ts';
import type { Webhook, WebhookConfiguration } from './configurations.ts';

/** What a webhook in the cluster cannot do without. */
interface Part {
  readonly what: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  /** Undefined: nobody knows them yet. */
  labels(backing: Backing): Labels | undefined;
}

/** The Service of a webhook as far as it is there. */
interface Backing {
  readonly service: Service | undefined;
  readonly namespaceLabels: Readonly<Record<string, string>>;
}

const PARTS: readonly Part[] = [
  {
    what: 'its Pods',
    group: '',
    version: 'v1',
    resource: 'pods',
    labels: ({ service }) => service?.spec?.selector,
  },
  {
    what: 'its Service',
    group: '',
    version: 'v1',
    resource: 'services',
    labels: ({ service }) => service && (service.metadata?.labels ?? {}),
  },
  {
    what: 'its EndpointSlices',
    group: 'discovery.k8s.io',
    version: 'v1',
    resource: 'endpointslices',
    labels: ({ service }) =>
      service && {
        ...service.metadata?.labels,
        'kubernetes.io/service-name': service.metadata?.name ?? '',
      },
  },
  {
    what: 'its Namespace',
    group: '',
    version: 'v1',
    resource: 'namespaces',
    labels: ({ namespaceLabels }) => namespaceLabels,
  },
];

/** The warning about `webhook`; undefined where it cannot lock itself out. */
function lockOutWarning(webhook: Webhook, backing: Backing): string | undefined {
  const { service } = webhook.clientConfig;
  const mayFail = webhook.failurePolicy === 'Ignore' || (webhook.matchConditions ?? []).length > 0;
  if (service === undefined || mayFail) return undefined;
  const parts = PARTS.filter((part) => isAskedOf(webhook, part, service.namespace, backing));
  if (parts.length === 0) return undefined;
  const names = parts.map(({ what }) => what).join(', ');
  return `webhook ${JSON.stringify(webhook.name)} is asked about ${names} too, and failurePolicy Fail refuses them while it does not answer: once it is down it may not come back; leave them out by namespaceSelector or objectSelector`;
}

function isAskedOf(
  { rules = [], namespaceSelector, objectSelector }: Webhook,
  part: Part,
  namespace: string,
  backing: Backing,
): boolean {
  const { group, version, resource } = part;
  const isNamed = (['CREATE', 'UPDATE'] as const).some((operation) =>
    rules.some((rule) =>
      ruleMatches(rule, { operation, subresource: '', namespace }, { group, version, resource }),
    ),
  );
  if (!isNamed) return false;
  if (!labelSelectorMatches(namespaceSelector, backing.namespaceLabels)) return false;
  const labels = part.labels(backing);
  // Of labels that nobody knows only an empty selector is sure.
  return labels === undefined
    ? labelSelectorMatches(objectSelector, {}) && isEmpty(objectSelector)
    : labelSelectorMatches(objectSelector, labels);
}

function isEmpty(selector: Webhook['objectSelector']): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;
}

/** Warns the client that writes a configuration, of each of its webhooks. */
export function warnOfLockOut(
  { reader }: { readonly reader: Pick<ObjectReader, 'get'> },
  attributes: Attributes,
): void {
  const { operation, object } = attributes;
  if (operation !== 'CREATE' && operation !== 'UPDATE') return;
  for (const webhook of (object as WebhookConfiguration | undefined)?.webhooks ?? []) {
    const { namespace = '', name = '' } = webhook.clientConfig.service ?? {};
    const warning = lockOutWarning(webhook, {
      service: reader.get(SERVICES, namespace, name) as Service | undefined,
      namespaceLabels: {
        'kubernetes.io/metadata.name': namespace,
        ...reader.get(NAMESPACES, '', namespace)?.metadata?.labels,
      },
    });
    if (warning !== undefined) attributes.warn(warning);
  }
}
