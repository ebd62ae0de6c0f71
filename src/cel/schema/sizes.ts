/**
 * What a schema tells of sizes, for cost estimates.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/
 * compilation.go (sizeEstimator).
 */
import type { SizeEstimator } from '../cost/node.ts';
import type { DeclaredType } from './declared-type.ts';

function step(declared: DeclaredType, name: string): DeclaredType | undefined {
  if (name === '@items' || name === '@values') return declared.element;
  return name === '@keys' ? declared.key : declared.fields?.get(name);
}

/** Sizes by one declared type: that of `self` in the rules of a custom resource. */
export function sizesBy(root: DeclaredType): SizeEstimator {
  return ({ path }) => {
    if (path === undefined || path.length === 0) return undefined;
    let declared: DeclaredType | undefined = root;
    for (const name of path.slice(1)) {
      declared = step(declared, name);
      if (declared === undefined) return undefined;
    }
    return { min: 0, max: declared.maxElements };
  };
}
