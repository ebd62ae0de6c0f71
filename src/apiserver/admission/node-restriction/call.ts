/** What the rules for kubelets decide about. */
import type { Pod } from '#api/gen/core-v1.ts';
import { notFound } from '#api/meta/status.ts';
import type { Attributes, ObjectReader } from '../admission.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { PODS } from '../targets.ts';

export interface NodeCall {
  /** The node that asks. */
  readonly node: string;
  readonly attributes: Attributes;
  readonly services: AdmissionServices;
}

export function unexpected({ attributes }: NodeCall): Error {
  return refusal(attributes, `unexpected operation ${JSON.stringify(attributes.operation)}`);
}

/** Upstream's cache says it in the singular. */
const POD = { group: '', resource: 'pod' };

export function existingPod(reader: ObjectReader, namespace: string, name: string): Pod {
  const pod = reader.get(PODS, namespace, name) as Pod | undefined;
  if (pod === undefined) throw notFound(POD, name);
  return pod;
}
