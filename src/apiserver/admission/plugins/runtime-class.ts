/**
 * RuntimeClass: a pod takes overhead and scheduling constraints from its runtime class.
 *
 * Source: KEP-688; upstream plugin/pkg/admission/runtimeclass.
 */
import type { Pod, PodSpec, Toleration } from '#api/gen/core-v1.ts';
import type { RuntimeClass } from '#api/gen/node-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { wasSentEmpty } from '#api/meta/json.ts';
import { plainError } from '#api/meta/status.ts';
import { isPathSegmentName } from '#api/meta/names.ts';
import type { AdmissionPlugin, Attributes, ObjectReader } from '../admission.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, PODS, RUNTIME_CLASSES } from '../targets.ts';

const MISMATCH = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

export function runtimeClass({ reader }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'RuntimeClass',
    async admit(attributes) {
      const spec = newPodSpec(attributes);
      if (spec === undefined) return;
      const found = await classOf(attributes, spec, reader);
      if (found === undefined) return;
      setOverhead(attributes, spec, found);
      setScheduling(attributes, spec, found);
    },
    async validate(attributes) {
      const spec = newPodSpec(attributes);
      if (spec === undefined) return;
      const found = await classOf(attributes, spec, reader);
      if (found?.overhead !== undefined) {
        if (!equalValues(found.overhead.podFixed, spec.overhead))
          throw refusal(attributes, MISMATCH);
      } else if (spec.overhead !== undefined || wasSentEmpty(spec, 'overhead')) {
        throw refusal(
          attributes,
          'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
        );
      }
    },
  };
}

function newPodSpec(attributes: Attributes): PodSpec | undefined {
  if (
    !isFor(attributes, PODS) ||
    attributes.operation !== 'CREATE' ||
    attributes.subresource !== ''
  )
    return undefined;
  return (attributes.object as Pod | undefined)?.spec;
}

async function classOf(
  attributes: Attributes,
  { runtimeClassName: name }: PodSpec,
  reader: ObjectReader,
): Promise<RuntimeClass | undefined> {
  if (name === undefined) return undefined;
  checkRequestName(name);
  const read = (): RuntimeClass | undefined =>
    reader.get(RUNTIME_CLASSES, '', name) as RuntimeClass | undefined;
  let found = read();
  if (found === undefined) {
    await reader.catchUp();
    found = read();
  }
  if (found === undefined)
    throw refusal(attributes, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
  return found;
}

/** Upstream's lister asks its client for what it does not have, and that checks names first. */
function checkRequestName(name: string): void {
  if (name === '') throw plainError('resource name may not be empty');
  const problems = isPathSegmentName(name);
  if (problems.length > 0)
    throw plainError(`invalid resource name ${JSON.stringify(name)}: [${problems.join(' ')}]`);
}

function setOverhead(attributes: Attributes, spec: PodSpec, { overhead }: RuntimeClass): void {
  if (overhead?.podFixed === undefined) return;
  const given = spec.overhead ?? {};
  if (Object.keys(given).length > 0 && !equalValues(overhead.podFixed, given))
    throw refusal(attributes, MISMATCH);
  spec.overhead = { ...overhead.podFixed };
}

function setScheduling(attributes: Attributes, spec: PodSpec, { scheduling }: RuntimeClass): void {
  if (scheduling === undefined) return;
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const given = spec.nodeSelector?.[key];
    if (given !== undefined && given !== value) {
      throw refusal(
        attributes,
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${given}`,
      );
    }
    spec.nodeSelector = { ...spec.nodeSelector, [key]: value };
  }
  const added = (scheduling.tolerations ?? []).filter(
    (toleration) => !covered(spec.tolerations ?? [], toleration),
  );
  if (added.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...structuredClone(added)];
}

function covered(present: readonly Toleration[], toleration: Toleration): boolean {
  return present.some((candidate) => equalValues(candidate, toleration));
}
