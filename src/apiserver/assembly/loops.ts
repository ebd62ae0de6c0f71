/** What an API server does of its own accord while it runs. */
import { CEL_RULES } from '#api/structural/cel-rules.ts';
import { ServiceRepair } from '../allocators/repair.ts';
import { keptObjects } from '../bootstrap/bootstrap.ts';
import { FlowSchemaStatus } from '../bootstrap/flow-schema-status.ts';
import { IdentityLease } from '../bootstrap/identity-lease.ts';
import { Keeper } from '../bootstrap/keeper.ts';
import { DefinitionLoop } from '../custom-resources/definition-loop.ts';
import { CustomResourceServing } from '../custom-resources/serving.ts';
import { Compactor } from '../history/compactor.ts';
import { HISTORY_DEFAULTS } from '../history/policy.ts';
import type { Registry } from '../registry/registry.ts';
import type { ApiServerOptions } from '../server-options.ts';
import { locateWebhook } from '../webhooks/locate.ts';
import type { Aggregation } from './aggregation.ts';
import type { ServerCore } from './core.ts';

/** Begins with `start`; ends with `stop`, which resolves when nothing of it is left. */
export interface Loop {
  start(): void;
  stop(): void | Promise<void>;
}

/** Definitions become kinds: from the first request on. */
export function createServing(core: ServerCore, { webhooks }: Aggregation): CustomResourceServing {
  const { hub, resources, reader, environment } = core;
  return new CustomResourceServing({
    hub,
    resources,
    reader,
    rules: CEL_RULES,
    conversion: {
      environment,
      locate: (config) => locateWebhook(webhooks, config),
    },
  });
}

/** In the order in which they start, once the server is ready; they stop in the same order. */
export function createLoops(
  { options, environment, hub, reader, client }: ServerCore,
  { registry, serving }: { readonly registry: Registry; readonly serving: CustomResourceServing },
): Loop[] {
  const services = { environment, reader, client };
  return [
    new Keeper({ ...services, wanted: keptObjects(environment, options) }),
    new IdentityLease({
      ...services,
      hostname: options.hostname ?? 'localhost',
      peerAddress: hostPort(options.advertise),
    }),
    new FlowSchemaStatus(services),
    new ServiceRepair({ ...services, nodePortRange: options.serviceNodePortRange }),
    new Compactor({ environment, hub, policy: { ...HISTORY_DEFAULTS, ...options.history } }),
    new DefinitionLoop({
      ...services,
      registry,
      instances: (definition) => serving.stored(definition),
    }),
  ];
}

/** An address and a port as one text: of IPv6 in brackets. */
export function hostPort({ address, port }: ApiServerOptions['advertise']): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
