/**
 * Priority: the number behind a pod's priority class.
 *
 * Source: upstream plugin/pkg/admission/priority.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type { PriorityClass } from '#api/gen/scheduling-v1.ts';
import type { AdmissionPlugin, Attributes, ObjectReader } from '../admission.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, PODS, PRIORITY_CLASSES } from '../targets.ts';

const NO_CLASS: PriorityClass = { value: 0, preemptionPolicy: 'PreemptLowerPriority' };

export function priority({ reader }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'Priority',
    async admit(attributes) {
      if (!isFor(attributes, PODS) || attributes.subresource !== '') return;
      const pod = attributes.object as Pod | undefined;
      if (pod?.spec === undefined) return;
      if (attributes.operation === 'CREATE') await admitNew(attributes, pod, reader);
      else if (attributes.operation === 'UPDATE')
        keepPriority(pod, attributes.old as Pod | undefined);
    },
    validate(attributes) {
      const { operation, subresource } = attributes;
      if (!isFor(attributes, PRIORITY_CLASSES) || subresource !== '') return;
      if (operation === 'CREATE' || operation === 'UPDATE') checkOnlyDefault(attributes, reader);
    },
  };
}

async function admitNew(attributes: Attributes, pod: Pod, reader: ObjectReader): Promise<void> {
  const { spec } = pod;
  if (spec === undefined) return;
  const found = await classFor(attributes, spec.priorityClassName ?? '', reader);
  const name = found.metadata?.name;
  if (name !== undefined) spec.priorityClassName = name;
  if (spec.priority !== undefined && spec.priority !== found.value) {
    throw refusal(
      attributes,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${found.value} from the given PriorityClass name`,
    );
  }
  spec.priority = found.value;
  const policy = found.preemptionPolicy;
  if (policy === undefined) return;
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
    throw refusal(
      attributes,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    );
  }
  spec.preemptionPolicy = policy;
}

async function classFor(
  attributes: Attributes,
  name: string,
  reader: ObjectReader,
): Promise<PriorityClass> {
  if (name === '') return defaultClass(reader) ?? NO_CLASS;
  const read = (): PriorityClass | undefined =>
    reader.get(PRIORITY_CLASSES, '', name) as PriorityClass | undefined;
  let found = read();
  if (found === undefined) {
    await reader.catchUp();
    found = read();
  }
  if (found === undefined)
    throw refusal(attributes, `no PriorityClass with name ${name} was found`);
  return found;
}

/** Of several defaults (made at the same moment) the lowest counts. */
function defaultClass(reader: ObjectReader): PriorityClass | undefined {
  let lowest: PriorityClass | undefined;
  for (const candidate of reader.list(PRIORITY_CLASSES) as Iterable<PriorityClass>) {
    if (candidate.globalDefault !== true) continue;
    if (lowest === undefined || candidate.value < lowest.value) lowest = candidate;
  }
  return lowest;
}

/** An update that leaves the fields out means the values that creation gave. */
function keepPriority(pod: Pod, old: Pod | undefined): void {
  if (pod.spec === undefined || old?.spec === undefined) return;
  if (old.spec.priority !== undefined) pod.spec.priority ??= old.spec.priority;
  if (old.spec.preemptionPolicy !== undefined)
    pod.spec.preemptionPolicy ??= old.spec.preemptionPolicy;
}

function checkOnlyDefault(attributes: Attributes, reader: ObjectReader): void {
  const asked = attributes.object as PriorityClass | undefined;
  if (asked?.globalDefault !== true) return;
  const present = defaultClass(reader)?.metadata?.name;
  if (present === undefined) return;
  if (attributes.operation === 'CREATE' || present !== asked.metadata?.name) {
    throw refusal(
      attributes,
      `PriorityClass ${present} is already marked as default. Only one default can exist`,
    );
  }
}
