/**
 * ValidatingAdmissionWebhook: webhooks that say yes or no to what is about to be written, all at
 * once. Of several refusals the first that comes is answered.
 *
 * Upstream: admission/plugin/webhook/validating/dispatcher.go.
 */
import { internalError } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { isAdmissionConfiguration } from '../matching/exempt.ts';
import { viewOf } from '../matching/request.ts';
import { shownInVersions } from '../matching/versions.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, VALIDATING_WEBHOOK_CONFIGURATIONS } from '../targets.ts';
import { validatingFailOpenKey } from './annotations.ts';
import { askWebhook, type CallServices, countCall, type Invocation, verdictOf } from './call.ts';
import { type ReadyWebhook, WebhookConfigurations } from './configurations.ts';
import { warnOfLockOut } from './lock-out.ts';
import { callServices, decisionsFor, matchWebhook, type ShownAs } from './services.ts';

export function validatingAdmissionWebhook(services: AdmissionServices): AdmissionPlugin {
  const configurations = new WebhookConfigurations(
    services.reader,
    VALIDATING_WEBHOOK_CONFIGURATIONS,
    'validating',
  );
  const calls = callServices(services, services.configuration?.validatingWebhookUsers);
  return {
    name: 'ValidatingAdmissionWebhook',
    validate(attributes) {
      if (isFor(attributes, VALIDATING_WEBHOOK_CONFIGURATIONS)) warnOfLockOut(services, attributes);
      const hooks = configurations.all;
      if (hooks.length === 0 || isAdmissionConfiguration(attributes.kind)) return;
      return validate(services, calls, hooks, attributes);
    },
  };
}

async function validate(
  services: AdmissionServices,
  calls: CallServices,
  hooks: readonly ReadyWebhook[],
  attributes: Attributes,
): Promise<void> {
  const invocations = await invocationsOf(services, hooks, attributes);
  if (invocations.length === 0) return;
  const errors: Error[] = [];
  await Promise.all(
    invocations.map(async (invocation, index) => {
      const verdict = await ask(services, calls, invocation, index);
      if (verdict !== undefined) errors.push(verdict);
    }),
  );
  const [first] = errors;
  if (first !== undefined) throw first;
}

/** Whom to ask, in order, and what. */
async function invocationsOf(
  services: AdmissionServices,
  hooks: readonly ReadyWebhook[],
  attributes: Attributes,
): Promise<Invocation[]> {
  const view = viewOf(attributes);
  const inVersions = shownInVersions(attributes, view.kind);
  const shown: ShownAs = (kind) =>
    inVersions(kind).catch((error: unknown) => {
      throw internalError(messageOf(error));
    });
  const request = { view, decisions: decisionsFor(services), shownAs: shown };
  const invocations: Invocation[] = [];
  for (const hook of hooks) {
    const match = await matchWebhook(services, hook, request, attributes.object);
    if (match !== undefined) invocations.push({ hook, view, match, ...(await shown(match.kind)) });
  }
  return invocations;
}

/** The error to answer; undefined: it may go on. */
async function ask(
  { environment: { clock } }: AdmissionServices,
  calls: CallServices,
  invocation: Invocation,
  index: number,
): Promise<Error | undefined> {
  const { hook, view } = invocation;
  const startMs = clock.monotonicMs();
  let error: unknown;
  try {
    await askWebhook(calls, invocation, 'validating');
  } catch (thrown) {
    error = thrown;
  }
  const tookMs = clock.monotonicMs() - startMs;
  const ended = { hook, view, type: 'validating', error, tookMs } as const;
  countCall(calls, ended);
  return verdictOf(calls, ended, validatingFailOpenKey(index));
}
