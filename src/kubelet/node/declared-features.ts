/**
 * Features that this kubelet declares (`status.declaredFeatures`), in alphabetical order: others look
 * at them before they ask it for what older kubelets do not have.
 *
 * Source: KEP-5328; upstream v1.36 staging/src/k8s.io/component-helpers/nodedeclaredfeatures/features.
 * Each is declared where its gate is on, and here gates have only their defaults. Those of upstream
 * that are not here are not built, or have gates that are off.
 */
export const DECLARED_FEATURES: readonly string[] = [
  'ExtendWebSocketsToKubelet',
  'InPlacePodLevelResourcesVerticalScaling',
  'InPlacePodVerticalScalingInitContainers',
  'RestartAllContainersOnContainerExits',
];
