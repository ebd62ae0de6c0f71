/**
 * Features that a node has to declare (`status.declaredFeatures`) before a pod may use them: what
 * a pod needs to start there, and what a change of it needs.
 *
 * Source: KEP-5328; upstream component-helpers/nodedeclaredfeatures/features. Of the features there,
 * ExtendWebSocketsToKubelet is needed by no pod.
 */
import type { Container, PodSpec } from '../gen/core-v1.ts';
import { equalValues } from '../meta/equal.ts';

const RESTART_ALL = 'RestartAllContainersOnContainerExits';
const USERS_ON_HOST_NETWORK = 'UserNamespacesHostNetworkSupport';
const RESIZE_POD = 'InPlacePodLevelResourcesVerticalScaling';
const RESIZE_INIT = 'InPlacePodVerticalScalingInitContainers';

/** What a node has to declare to run such a pod, in alphabetical order. */
export function featuresToRun(spec: PodSpec): string[] {
  const features: string[] = [];
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  const restartsAll = containers.some(({ restartPolicyRules }) =>
    restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers'),
  );
  if (restartsAll) features.push(RESTART_ALL);
  if (spec.hostNetwork === true && spec.hostUsers === false) features.push(USERS_ON_HOST_NETWORK);
  return features;
}

/** What a node has to declare to let a pod on it become another, in alphabetical order. */
export function featuresToChange(before: PodSpec, after: PodSpec): string[] {
  const features: string[] = [];
  if (!equalValues(before.resources, after.resources)) features.push(RESIZE_POD);
  const resized = (before.initContainers ?? []).some(
    (container, at) =>
      container.restartPolicy !== 'Always' &&
      !equalValues(container.resources, resourcesAt(after.initContainers, at)),
  );
  if (resized) features.push(RESIZE_INIT);
  return features;
}

function resourcesAt(containers: readonly Container[] | undefined, at: number) {
  return containers?.[at]?.resources;
}
