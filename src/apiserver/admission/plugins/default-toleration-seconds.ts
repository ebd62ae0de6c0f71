/**
 * DefaultTolerationSeconds: a pod stays five minutes on a node that is not ready or unreachable,
 * unless it says otherwise.
 *
 * Source: upstream plugin/pkg/admission/defaulttolerationseconds.
 */
import type { Pod, Toleration } from '#api/gen/core-v1.ts';
import type { AdmissionPlugin } from '../admission.ts';
import { isFor, PODS } from '../targets.ts';

const TOLERATION_SECONDS = 300;
const TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  admit(attributes) {
    const { operation, subresource } = attributes;
    if (!isFor(attributes, PODS) || subresource !== '' || operation === 'DELETE') return;
    const spec = (attributes.object as Pod | undefined)?.spec;
    if (spec === undefined) return;
    const given = spec.tolerations ?? [];
    const added = TAINTS.filter(
      (key) => !given.some((toleration) => tolerates(toleration, key)),
    ).map(
      (key): Toleration => ({
        key,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: TOLERATION_SECONDS,
      }),
    );
    if (added.length > 0) spec.tolerations = [...given, ...added];
  },
};

function tolerates({ key = '', effect = 'NoExecute' }: Toleration, taint: string): boolean {
  return (key === taint || key === '') && effect === 'NoExecute';
}
