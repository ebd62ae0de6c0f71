/** Admission of one object by one plug-in, without a server. */
import {
  type AdmissionPlugin,
  type Attributes,
  type Operation,
  Rounds,
} from '#apiserver/admission/admission.ts';
import { EquivalentResources } from '#apiserver/admission/matching/equivalents.ts';
import { WebhookBudget } from '#apiserver/admission/webhooks/budget.ts';
import type { PluginConfigurations } from '#apiserver/admission/options.ts';
import type { AdmissionServices } from '#apiserver/admission/services.ts';
import type { ApiObject } from '#apiserver/api-object.ts';
import type { Decision } from '#apiserver/authz/authorizer.ts';
import type { User } from '#apiserver/context.ts';
import { AdmissionMetrics } from '#apiserver/metrics/admission-metrics.ts';
import { NO_BACKENDS } from '#apiserver/proxy/transport.ts';
import { FeatureGates } from '#api/features/feature-gates.ts';
import type { AnyKind } from '#api/kind.ts';
import { StatusError } from '#api/meta/status.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { FakeReader } from './fake-reader.ts';
import { VirtualEnvironment } from './virtual-environment.ts';

export const ADMIN: User = { name: 'admin', groups: ['system:masters'] };

export interface Asked {
  readonly group?: string;
  readonly plural: string;
  readonly operation?: Operation;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly object?: object;
  readonly old?: object;
  readonly user?: User;
  readonly namespaced?: boolean;
}

export class AdmissionBench {
  readonly reader = new FakeReader();
  readonly environment = new VirtualEnvironment();
  readonly #listeners = new Set<(revision: number) => void>();
  decision: Decision = { outcome: 'none', reason: '' };
  readonly services: AdmissionServices;
  readonly metrics = new MetricRegistry();
  /** Names of what plug-ins have created. */
  readonly created: string[] = [];
  /** What the last requests were told. */
  readonly warnings: string[] = [];
  readonly annotations = new Map<string, string>();

  constructor(configuration?: PluginConfigurations) {
    const onRevision = (listener: (revision: number) => void): (() => void) => {
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    };
    this.services = {
      reader: this.reader,
      environment: this.environment,
      authorize: () => this.decision,
      registry: { hub: { onRevision } } as unknown as AdmissionServices['registry'],
      resources: { first: () => undefined, kinds: () => [] },
      equivalents: new EquivalentResources({ kinds: () => [], generation: 0 }),
      metrics: new AdmissionMetrics(this.metrics, this.environment.clock),
      metricRegistry: this.metrics,
      gates: new FeatureGates(),
      webhooks: {
        locate: () => {
          throw new Error('there is no road to webhooks');
        },
        budget: new WebhookBudget(this.environment.clock, 30_000),
      },
      backends: NO_BACKENDS,
      client: {
        create: async (_target, object) => {
          this.created.push(object.metadata?.name ?? '');
          return true;
        },
      },
      ...(configuration === undefined ? {} : { configuration }),
    };
  }

  /** Tells those who wait that the caches have changed. */
  changed(): void {
    for (const listener of this.#listeners) listener(0);
  }

  attributes(asked: Asked): Attributes {
    const object = asked.object as ApiObject | undefined;
    const namespaced = asked.namespaced ?? true;
    return {
      operation: asked.operation ?? 'CREATE',
      kind: { group: asked.group ?? '', plural: asked.plural, namespaced } as AnyKind,
      subresource: asked.subresource ?? '',
      namespace: asked.namespace ?? (namespaced ? 'default' : ''),
      name: asked.name ?? object?.metadata?.name ?? '',
      ...(object === undefined ? {} : { object }),
      ...(asked.old === undefined ? {} : { old: asked.old as ApiObject }),
      user: asked.user ?? ADMIN,
      request: {},
      dryRun: false,
      warn: (text) => void this.warnings.push(text),
      annotate: (key, value) => void this.annotations.set(key, value),
    };
  }

  /** Runs both halves of the plug-in; answers the refusal's code and message, or `admitted`. */
  async run(plugin: AdmissionPlugin, asked: Asked): Promise<string> {
    const attributes = this.attributes(asked);
    try {
      await plugin.admit?.(attributes, new Rounds());
      await plugin.validate?.(attributes);
      return 'admitted';
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return `${error.code} ${error.message}`;
    }
  }
}
