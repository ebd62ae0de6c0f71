/**
 * Reads an audit policy: YAML or JSON, strictly.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/audit/policy/reader.go. Different from it,
 * on purpose: a field that is unknown or comes twice is an error (upstream goes on after a warning),
 * because a rule that does not say what it was meant to say hides what was to be seen.
 */
import { ConfigError } from '../component-config/error.ts';
import { readConfig, STRICT } from '../component-config/read.ts';
import { API_VERSION, type Policy, policyType } from './policy.ts';
import { validatePolicy } from './validate-policy.ts';

const SCHEME = 'k8s.io/apiserver/pkg/audit/scheme.go:30';

/** Throws ConfigError. */
export function readPolicy(text: string): Policy {
  const { object, problems } = decoded(text);
  if (problems.length > 0)
    throw new ConfigError(`failed decoding: ${STRICT}${problems.join(', ')}`);
  // The decoder has seen to the types of what is there.
  const { rules, ...rest } = object as unknown as Partial<Policy>;
  const policy: Policy = { ...rest, rules: rules ?? [] };
  const errors = [...new Set(validatePolicy(policy).map((error) => error.text()))];
  if (errors.length > 0)
    throw new ConfigError(errors.length === 1 ? errors.join('') : `[${errors.join(', ')}]`);
  if (policy.rules.length === 0) throw new ConfigError('loaded illegal policy with 0 rules');
  return policy;
}

function decoded(text: string) {
  try {
    return readConfig(text, {
      apiVersion: API_VERSION,
      kind: 'Policy',
      type: policyType(),
      scheme: SCHEME,
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`failed decoding: ${error.message}`, { cause: error });
  }
}
