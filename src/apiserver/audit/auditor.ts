/**
 * Writes down what is asked of the server, as the policy says.
 *
 * Source: KEP-22 (advanced auditing); upstream v1.36 staging/src/k8s.io/apiserver/pkg/audit and
 * pkg/endpoints/filters/audit.go.
 */
import type { Stage } from '#api/audit/policy.ts';
import type { Environment } from '#base/env.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import { attributesFor } from '../authz/authorizer.ts';
import type { RequestContext } from '../context.ts';
import { statusOf } from '../respond.ts';
import type { AuditBackend } from './backends/backend.ts';
import { BatchBackend } from './backends/batch.ts';
import { LogBackend } from './backends/log.ts';
import { TruncateBackend } from './backends/truncate.ts';
import { WebhookBackend } from './backends/webhook.ts';
import { AuditMetrics } from './metrics.ts';
import type { AuditOptions, DeliveryOptions } from './options.ts';
import { type AuditConfig, type AuditedAttributes, policyRules } from './policy-rules.ts';
import { RequestAudit } from './record.ts';

interface Sink {
  readonly backend: AuditBackend;
  /** Whether a request whose first event is lost is not served. */
  readonly isStrict: boolean;
}

interface AuditServices {
  readonly environment: Environment;
  readonly metrics: MetricRegistry;
}

export class Auditor {
  readonly metrics: AuditMetrics;
  readonly #configOf: (attributes: AuditedAttributes) => AuditConfig;
  readonly #sinks: readonly Sink[];

  constructor(options: AuditOptions, services: AuditServices) {
    this.metrics = new AuditMetrics(services.metrics, services.environment.log);
    this.#configOf = policyRules(options.policy);
    this.#sinks = sinksOf(options, services.environment, this.metrics);
  }

  /** What is written down of a request whose sender is known; undefined for nothing. */
  begin(context: RequestContext): RequestAudit | undefined {
    return this.#begin(context, attributesFor(context.user, context.info));
  }

  #begin(context: RequestContext, attributes: AuditedAttributes): RequestAudit | undefined {
    const config = this.#configOf(attributes);
    this.metrics.level(config.level);
    return config.level === 'None' ? undefined : new RequestAudit(context, config, attributes);
  }

  /** Writes down the request at this stage. Answers false when it must not be served. */
  async record(request: RequestAudit, stage: Stage): Promise<boolean> {
    if (request.config.omitStages.has(stage) || this.#sinks.length === 0) return true;
    const event = request.at(stage);
    this.metrics.event();
    let mayGoOn = true;
    for (const { backend, isStrict } of this.#sinks) {
      const taken = backend.process([event]);
      // Only who blocks is waited for.
      const isTaken = typeof taken === 'boolean' ? taken : await taken;
      if (isStrict && !isTaken) mayGoOn = false;
    }
    return mayGoOn;
  }

  /** A request was refused before it was known who sends it. */
  async refused(context: RequestContext, error: unknown): Promise<void> {
    const attributes = { ...attributesFor(context.user, context.info), user: undefined };
    const request = this.#begin(context, attributes);
    if (request === undefined) return;
    request.failed(statusOf(error));
    await this.record(request, 'ResponseStarted');
  }

  /** Resolves when all events are where they belong, or lost. */
  async stop(): Promise<void> {
    for (const { backend } of this.#sinks) backend.hasten();
    await Promise.all(this.#sinks.map(({ backend }) => backend.stop()));
  }
}

function sinksOf(
  { log, webhook }: AuditOptions,
  environment: Environment,
  metrics: AuditMetrics,
): Sink[] {
  const services = { environment, metrics };
  const sinks: Sink[] = [];
  if (log !== undefined) {
    const backend = new LogBackend(log.output, log.format, metrics);
    sinks.push(delivered(backend, log, { ...services, oneAtATime: true }));
  }
  if (webhook !== undefined)
    sinks.push(delivered(new WebhookBackend(webhook, services), webhook, services));
  return sinks;
}

function delivered(
  inner: AuditBackend,
  { mode, batch, truncate }: DeliveryOptions,
  services: ConstructorParameters<typeof BatchBackend>[2],
): Sink {
  const gathered =
    mode === 'batch'
      ? new BatchBackend(inner, batch, {
          ...services,
          ...(truncate === undefined ? {} : { maxBatchBytes: truncate.maxBatchBytes }),
        })
      : inner;
  const backend =
    truncate === undefined
      ? gathered
      : new TruncateBackend(gathered, truncate.maxEventBytes, services.metrics);
  return { backend, isStrict: mode === 'blocking-strict' };
}
