/**
 * Which images a pod may use only with credentials that pull them, though they are on the node.
 *
 * Pure. Source: KEP-2535; API reference v1.36, KubeletConfiguration
 * (imagePullCredentialsVerificationPolicy, preloadedImagesVerificationAllowlist). Upstream:
 * pkg/kubelet/images/pullmanager/image_pull_policies.go.
 */
import type { KubeletConfiguration } from '../config/types.ts';

export type VerificationPolicy = Pick<
  KubeletConfiguration,
  'imagePullCredentialsVerificationPolicy' | 'preloadedImagesVerificationAllowlist'
>;

/** `repository`: registry and path; `isPulled`: by a kubelet, or being pulled by it. */
export function mustVerify(
  { imagePullCredentialsVerificationPolicy: policy, ...config }: VerificationPolicy,
  repository: string,
  isPulled: boolean,
): boolean {
  switch (policy) {
    case 'NeverVerify':
      return false;
    case 'NeverVerifyPreloadedImages':
      return isPulled;
    case 'NeverVerifyAllowlistedImages':
      return !(config.preloadedImagesVerificationAllowlist ?? []).some((pattern) =>
        pattern.endsWith('/*')
          ? repository.startsWith(pattern.slice(0, -1))
          : repository === pattern,
      );
    default:
      return true;
  }
}
