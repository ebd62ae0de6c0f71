/**
 * Charges writes to the quotas of their namespace before they are stored. Writes that come while a
 * charge is being stored are charged together after it, with one write for each quota.
 *
 * Upstream: staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go, v1.36.
 * Beyond it: tries after a conflict look at all quotas again, less what is charged already.
 */
import type { ResourceQuota } from '#api/gen/core-v1.ts';
import { addResources, type ResourceList } from '#api/core/resources.ts';
import { internalError, plainError } from '#api/meta/status.ts';
import { type Charge, type RunningQuota, verdictOn } from '#api/quota/charge.ts';
import type { Evaluator, QuotaWorld } from '#api/quota/evaluator.ts';
import type { LimitedResource } from '#api/quota/limited.ts';
import type { Environment } from '#base/env.ts';
import type { ApiObject } from '../../api-object.ts';
import type { Attributes, ObjectReader } from '../admission.ts';
import { refusal } from '../refusal.ts';
import type { ChargeLedger } from './ledger.ts';
import type { NamespaceQuotas } from './namespace-quotas.ts';

/** How long a write waits for its charge. */
const PATIENCE_MS = 10_000;
/** So often a charge is redone when others write the quotas meanwhile. */
const TRIES = 4;

/** A write as admission passes it here. */
export type ChargedAttributes = Attributes & {
  readonly operation: 'CREATE' | 'UPDATE';
  readonly object: ApiObject;
};

export interface ChargerServices {
  readonly environment: Environment;
  readonly reader: ObjectReader;
  readonly quotas: NamespaceQuotas;
  readonly ledger: ChargeLedger;
  readonly world: () => QuotaWorld;
  /** What may not be used without a quota. */
  readonly limited?: readonly LimitedResource[];
  /** Writes what is used of a quota, if that is as it was. Answers it as it is then. */
  readonly writeUsed: (quota: ResourceQuota, used: ResourceList) => Promise<ResourceQuota>;
}

interface Waiter {
  readonly attributes: ChargedAttributes;
  readonly evaluator: Evaluator;
  /** Without an error: the write may go on. Only the first call counts. */
  readonly finish: (error?: unknown) => void;
  isOver: boolean;
}

/** A waiter, and what it is to be charged now. */
interface Due {
  readonly waiter: Waiter;
  readonly charges: readonly Charge[];
}

export class QuotaCharger {
  readonly #services: ChargerServices;
  /** Those who wait for a worker's next round, by namespace: never more than writes in flight. */
  readonly #waiting = new Map<string, Waiter[]>();

  constructor(services: ChargerServices) {
    this.#services = services;
  }

  /** Resolves when the write is charged, or costs nothing. Throws its refusal. */
  charge(attributes: ChargedAttributes, evaluator: Evaluator): Promise<void> {
    const { environment } = this.#services;
    return new Promise((resolve, reject) => {
      const timer = environment.timers.after(PATIENCE_MS, () =>
        waiter.finish(internalError('resource quota evaluation timed out')),
      );
      const waiter: Waiter = {
        attributes,
        evaluator,
        isOver: false,
        finish: (error) => {
          waiter.isOver = true;
          timer.cancel();
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      const { namespace } = attributes;
      const waiting = this.#waiting.get(namespace);
      if (waiting !== undefined) {
        waiting.push(waiter);
        return;
      }
      this.#waiting.set(namespace, [waiter]);
      void this.#work(namespace);
    });
  }

  async #work(namespace: string): Promise<void> {
    for (;;) {
      const batch = this.#waiting.get(namespace) ?? [];
      if (batch.length === 0) break;
      this.#waiting.set(namespace, []);
      try {
        await this.#chargeTogether(namespace, batch);
      } catch (error) {
        for (const waiter of batch) waiter.finish(error);
      }
    }
    this.#waiting.delete(namespace);
  }

  async #chargeTogether(namespace: string, batch: readonly Waiter[]): Promise<void> {
    const { reader, quotas } = this.#services;
    for (let tries = 1; ; tries++) {
      const running = quotas
        .of(namespace)
        .map((quota) => ({ quota, used: quota.status?.used ?? {} }));
      const due = batch
        .filter(({ isOver }) => !isOver)
        .flatMap((each) => this.#judge(running, each));
      const failure = await this.#store(running, due);
      if (failure === undefined) {
        for (const { waiter } of due) waiter.finish();
        return;
      }
      if (tries === TRIES) throw failure;
      await reader.catchUp();
    }
  }

  /** What the waiter is to be charged, added to `running`; nothing when its answer is known. */
  #judge(running: RunningQuota[], waiter: Waiter): Due[] {
    const { ledger, world, limited = [] } = this.#services;
    const { attributes, evaluator } = waiter;
    const verdict = verdictOn(running, {
      evaluator,
      write: attributes,
      world: world(),
      charged: ledger.chargedTo(attributes.request),
      limited,
    });
    if ('failed' in verdict) {
      waiter.finish(plainError(verdict.failed));
      return [];
    }
    if ('refused' in verdict) {
      waiter.finish(refusal(attributes, verdict.refused));
      return [];
    }
    const { charges } = verdict;
    if (charges.length === 0 || attributes.dryRun) {
      waiter.finish();
      return [];
    }
    for (const [index, { quota, used }] of running.entries()) {
      const charge = charges.find((each) => each.quota === quota);
      if (charge !== undefined)
        running[index] = { quota, used: addResources(used, charge.amounts) };
    }
    return [{ waiter, charges }];
  }

  /** Writes the quotas that have changed. Answers what went wrong last. */
  async #store(running: readonly RunningQuota[], due: readonly Due[]): Promise<Error | undefined> {
    const { quotas, ledger, writeUsed } = this.#services;
    const changed = running.filter(({ quota }) =>
      due.some(({ charges }) => charges.some((each) => each.quota === quota)),
    );
    let failure: Error | undefined;
    const store = async ({ quota, used }: RunningQuota): Promise<void> => {
      try {
        quotas.noteWritten(await writeUsed(quota, used));
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
        return;
      }
      for (const { waiter, charges } of due)
        for (const charge of charges)
          if (charge.quota === quota && !waiter.isOver)
            ledger.note(waiter.attributes, quota, charge.amounts);
    };
    await Promise.all(changed.map(store));
    return failure;
  }
}
