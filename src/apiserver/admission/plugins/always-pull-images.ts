/**
 * AlwaysPullImages: each start of a container asks the registry, so that nobody runs an image that
 * another one's credentials have brought to the node.
 *
 * Source: upstream plugin/pkg/admission/alwayspullimages; KEP-4639 for image volumes.
 */
import { allContainers } from '#api/core/pod-references.ts';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import { type FieldError, fieldPath, notSupported } from '#api/meta/field.ts';
import { plainError } from '#api/meta/status.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { joined, refusal } from '../refusal.ts';
import { writtenPod } from '../written-pod.ts';

const ALWAYS = 'Always';
const LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const;

export const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  admit(attributes) {
    const spec = specWithNewImages(attributes);
    if (spec === undefined) return;
    for (const container of allContainers({ spec })) container.imagePullPolicy = ALWAYS;
    for (const { image } of spec.volumes ?? []) if (image !== undefined) image.pullPolicy = ALWAYS;
  },
  validate(attributes) {
    const spec = specWithNewImages(attributes);
    const problems = spec === undefined ? [] : otherPolicies(spec);
    if (problems.length === 0) return;
    const messages = problems.map((problem) => refusal(attributes, problem.text()).message);
    throw plainError(joined(messages));
  },
};

/** The spec of a pod that is made, or that gets an image that none of its containers had. */
function specWithNewImages(attributes: Attributes): PodSpec | undefined {
  const pod = writtenPod(attributes);
  if (pod === undefined || attributes.operation === 'CREATE') return pod?.spec;
  const before = new Set(allContainers(attributes.old as Pod).map(({ image }) => image));
  return allContainers(pod).every(({ image }) => before.has(image)) ? undefined : pod.spec;
}

function otherPolicies(spec: PodSpec): FieldError[] {
  const at = fieldPath('spec');
  const of = (path: ReturnType<typeof fieldPath>, policy: string | undefined): FieldError[] =>
    policy === ALWAYS ? [] : [notSupported(path, policy ?? '', [ALWAYS])];
  return [
    ...LISTS.flatMap((list) =>
      (spec[list] ?? []).flatMap(({ imagePullPolicy }, i) =>
        of(at.child(list).index(i).child('imagePullPolicy'), imagePullPolicy),
      ),
    ),
    ...(spec.volumes ?? []).flatMap(({ image }, i) =>
      image === undefined
        ? []
        : of(at.child('volumes').index(i).child('image', 'pullPolicy'), image.pullPolicy),
    ),
  ];
}
