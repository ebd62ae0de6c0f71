/**
 * MutatingAdmissionWebhook: webhooks that may change what is written, one after another.
 *
 * Upstream: admission/plugin/webhook/mutating/{dispatcher,reinvocationcontext}.go.
 */
import { internalError } from '#api/meta/status.ts';
import type { AdmissionPlugin, Attributes, Rounds } from '../admission.ts';
import { isAdmissionConfiguration } from '../matching/exempt.ts';
import { viewOf } from '../matching/request.ts';
import { Reinvocation } from '../reinvocation.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, MUTATING_WEBHOOK_CONFIGURATIONS } from '../targets.ts';
import {
  annotateMutation,
  annotatePatch,
  type CallPlace,
  mutatingFailOpenKey,
} from './annotations.ts';
import { askWebhook, type CallServices, countCall, type Invocation, verdictOf } from './call.ts';
import { type ReadyWebhook, WebhookConfigurations } from './configurations.ts';
import { warnOfLockOut } from './lock-out.ts';
import { MutableObject } from '../mutable-object.ts';
import { applyOperations, readPatch } from './patch.ts';
import { callServices, decisionsFor, matchWebhook, type WebhookRequest } from './services.ts';

const NAME = 'MutatingAdmissionWebhook';

export function mutatingAdmissionWebhook(services: AdmissionServices): AdmissionPlugin {
  const configurations = new WebhookConfigurations(
    services.reader,
    MUTATING_WEBHOOK_CONFIGURATIONS,
    'admit',
  );
  const calls = callServices(services, services.configuration?.mutatingWebhookUsers);
  return {
    name: NAME,
    admit(attributes, rounds) {
      const hooks = configurations.all;
      if (hooks.length === 0 || isAdmissionConfiguration(attributes.kind)) return;
      return new Mutation({ services, calls, attributes, rounds }).run(hooks);
    },
    validate(attributes) {
      if (isFor(attributes, MUTATING_WEBHOOK_CONFIGURATIONS)) warnOfLockOut(services, attributes);
    },
  };
}

/** The webhooks of one round of one request. */
class Mutation {
  readonly #services: AdmissionServices;
  readonly #calls: CallServices;
  readonly #attributes: Attributes;
  readonly #rounds: Rounds;
  readonly #reinvocation: Reinvocation;
  readonly #object: MutableObject;
  readonly #request: WebhookRequest;

  constructor(options: {
    readonly services: AdmissionServices;
    readonly calls: CallServices;
    readonly attributes: Attributes;
    readonly rounds: Rounds;
  }) {
    this.#services = options.services;
    this.#calls = options.calls;
    this.#attributes = options.attributes;
    this.#rounds = options.rounds;
    this.#reinvocation = Reinvocation.begin(NAME, options.rounds, options.attributes.object);
    const view = viewOf(options.attributes);
    this.#object = new MutableObject(view);
    this.#request = {
      view,
      decisions: decisionsFor(options.services),
      shownAs: (kind) => this.#object.shownAs(kind),
    };
  }

  async run(hooks: readonly ReadyWebhook[]): Promise<void> {
    for (const [index, hook] of hooks.entries()) await this.#ask(hook, index);
    await this.#object.finish();
    this.#reinvocation.end(this.#attributes.object);
  }

  async #ask(hook: ReadyWebhook, index: number): Promise<void> {
    const { view } = this.#request;
    const match = await matchWebhook(this.#services, hook, this.#request, this.#object.current);
    if (match === undefined) return;
    if (this.#reinvocation.isLeftOut(hook.uid, this.#rounds)) return;
    const shown = await this.#object.shownAs(match.kind);
    const place = { round: this.#rounds.number, index };
    const { clock } = this.#services.environment;
    const startMs = clock.monotonicMs();
    const { changed, error } = await this.#call({ hook, view, match, ...shown }, place);
    const tookMs = clock.monotonicMs() - startMs;
    const ended = { hook, view, type: 'admit', error, tookMs } as const;
    countCall(this.#calls, ended);
    if (changed) {
      this.#reinvocation.somethingChanged();
      this.#rounds.wantsAnother = true;
    }
    if (hook.webhook.reinvocationPolicy === 'IfNeeded') this.#reinvocation.wantsToKnow(hook.uid);
    const verdict = verdictOf(this.#calls, ended, mutatingFailOpenKey(place));
    if (verdict !== undefined) throw verdict;
  }

  async #call(
    invocation: Invocation,
    place: CallPlace,
  ): Promise<{ readonly changed: boolean; readonly error: unknown }> {
    let changed = false;
    try {
      changed = await this.#mutate(invocation, place);
      return { changed, error: undefined };
    } catch (error) {
      return { changed, error };
    } finally {
      annotateMutation(this.#attributes, invocation.hook, { ...place, mutated: changed });
    }
  }

  /** Whether the object is another one now. */
  async #mutate(invocation: Invocation, place: CallPlace): Promise<boolean> {
    const { hook, match, object: before } = invocation;
    const { name } = hook.webhook;
    const { patch } = await askWebhook(this.#calls, invocation, 'admit');
    const operations = readPatch(name, patch);
    if (operations.length === 0) return false;
    if (before === undefined)
      throw internalError(
        `admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`,
      );
    const { object, changed } = applyOperations(operations, before, match.kind);
    annotatePatch(this.#attributes, hook, { ...place, patch: operations });
    this.#object.set(object);
    return changed;
  }
}
