/**
 * ResourceQuota: what is made or grows is charged to the quotas of its namespace before it is stored,
 * and refused where it does not fit. What shrinks or goes is counted by the controller, as is what
 * was charged and then not stored.
 *
 * Source: Kubernetes documentation, "Resource Quotas"; upstream
 * staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota.
 */
import type { Pod, ResourceQuota } from '#api/gen/core-v1.ts';
import type { DeviceClass, ResourceClaim } from '#api/gen/resource-v1.ts';
import type { AnyKind } from '#api/kind.ts';
import type { Evaluator, QuotaWorld } from '#api/quota/evaluator.ts';
import { evaluatorOf } from '#api/quota/evaluators.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { type ChargedAttributes, QuotaCharger } from '../quota/charger.ts';
import { ChargeLedger } from '../quota/ledger.ts';
import { NamespaceQuotas } from '../quota/namespace-quotas.ts';
import { raiseToWhatIs } from '../quota/recount.ts';
import { writeUsed } from '../quota/write-used.ts';
import type { AdmissionServices } from '../services.ts';
import { DEVICE_CLASSES, isFor, PODS, RESOURCE_CLAIMS, RESOURCE_QUOTAS } from '../targets.ts';

export function resourceQuota(services: AdmissionServices): AdmissionPlugin {
  const { environment, reader, configuration } = services;
  const limited = configuration?.limitedResources ?? [];
  const quotas = new NamespaceQuotas(reader);
  const ledger = new ChargeLedger();
  const world = (): QuotaWorld => worldOf(services);
  const charger = new QuotaCharger({
    environment,
    reader,
    quotas,
    ledger,
    world,
    limited,
    writeUsed: (quota, used) => writeUsed(services, quota, used),
  });
  return {
    name: 'ResourceQuota',
    admit(attributes) {
      const { object, old, subresource } = attributes;
      if (subresource !== 'status' || old === undefined || !isFor(attributes, RESOURCE_QUOTAS))
        return undefined;
      return raiseToWhatIs(
        { environment, reader, ledger, world },
        object as ResourceQuota,
        old as ResourceQuota,
      );
    },
    validate(attributes) {
      if (attributes.namespace === '' || !isCharged(attributes)) return undefined;
      const evaluator = knownEvaluator(attributes.kind);
      if (evaluator?.charges(attributes) !== true) return undefined;
      if (limited.length === 0 && !quotas.has(attributes.namespace)) return undefined;
      return charger.charge(attributes, evaluator);
    },
    finished: (request) => ledger.close(request),
  };
}

function isCharged(attributes: Attributes): attributes is ChargedAttributes {
  const { operation, object } = attributes;
  return object !== undefined && (operation === 'CREATE' || operation === 'UPDATE');
}

const evaluators = new WeakMap<AnyKind, { readonly evaluator: Evaluator | undefined }>();

function knownEvaluator(kind: AnyKind): Evaluator | undefined {
  let known = evaluators.get(kind);
  if (known === undefined) {
    known = { evaluator: evaluatorOf({ group: kind.group, resource: kind.plural }) };
    evaluators.set(kind, known);
  }
  return known.evaluator;
}

function worldOf({ environment, reader }: AdmissionServices): QuotaWorld {
  return {
    nowMs: environment.clock.now(),
    deviceClasses: () => [...reader.list(DEVICE_CLASSES)] as DeviceClass[],
    pod: (name, namespace) => reader.get(PODS, namespace, name) as Pod | undefined,
    claims: (namespace) => [...reader.list(RESOURCE_CLAIMS, namespace)] as ResourceClaim[],
  };
}
