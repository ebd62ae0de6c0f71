/**
 * Which images may be used by pods that did not pull them: the policy and its list.
 *
 * Source: KEP-2535; upstream v1.36 pkg/kubelet/images/pullmanager/image_pull_policies.go.
 */
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { KubeletConfiguration } from './types.ts';

const POLICIES = [
  'NeverVerify',
  'NeverVerifyPreloadedImages',
  'NeverVerifyAllowlistedImages',
  'AlwaysVerify',
];

export function validateImageVerification(
  config: KubeletConfiguration,
  gates: FeatureGates,
): string[] {
  const { imagePullCredentialsVerificationPolicy: policy = '' } = config;
  const patterns = config.preloadedImagesVerificationAllowlist ?? [];
  const gate = 'KubeletEnsureSecretPulledImages';
  if (!gates.enabled(gate)) {
    const unless = `must not be set if ${gate} feature gate is not enabled`;
    return [
      ...(policy === '' ? [] : [`\`imagePullCredentialsVerificationPolicy\` ${unless}`]),
      ...(patterns.length === 0 ? [] : [`\`preloadedImagesVerificationAllowlist\` ${unless}`]),
    ];
  }
  return [
    ...(POLICIES.includes(policy)
      ? []
      : [
          `option ${JSON.stringify(policy)} specified for imagePullCredentialsVerificationPolicy. Valid options are "NeverVerify", "NeverVerifyPreloadedImages", "NeverVerifyAllowlistedImages" or "AlwaysVerify"`,
        ]),
    ...listProblems(policy, patterns),
  ];
}

function listProblems(policy: string, patterns: readonly string[]): string[] {
  if (patterns.length > 0 && policy !== 'NeverVerifyAllowlistedImages')
    return [
      'can\'t set `preloadedImagesVerificationAllowlist` if `imagePullCredentialsVertificationPolicy` is not "NeverVerifyAllowlistedImages"',
    ];
  const [problem] = patterns.flatMap((pattern) => patternProblem(pattern) ?? []);
  return problem === undefined
    ? []
    : [`invalid image pattern in \`preloadedImagesVerificationAllowlist\`: ${problem}`];
}

function patternProblem(pattern: string): string | undefined {
  if (pattern !== pattern.trim()) return `leading/trailing spaces are not allowed: ${pattern}`;
  const isWildcard = pattern.endsWith('/*');
  const rest = isWildcard ? pattern.slice(0, -1) : pattern;
  if (rest === '') return `the supplied pattern is too short: ${pattern}`;
  if (rest.includes('*'))
    return `not a valid wildcard pattern, only patterns ending with '/*' are allowed: ${pattern}`;
  if (isWildcard) return rest === '/' ? 'at least registry hostname is required' : undefined;
  return /@|:[^/]*$/.test(rest)
    ? `neither tag nor digest is accepted in an image reference: ${pattern}`
    : undefined;
}
