/**
 * `/`: the paths that there are. Upstream: staging/src/k8s.io/apiserver/pkg/server/routes/index.go.
 */
import type { AnyKind } from '#api/kind.ts';
import type { Health } from './health.ts';

const FIXED: readonly string[] = [
  '/.well-known/openid-configuration',
  '/api',
  '/apis',
  '/apis/',
  '/flagz',
  '/metrics',
  '/metrics/slis',
  '/openapi/v2',
  '/openapi/v3',
  '/openapi/v3/',
  '/openid/v1/jwks',
  '/statusz',
  '/version',
];

export function pathList(kinds: readonly AnyKind[], health: Health): { paths: string[] } {
  const ofKinds = kinds.flatMap(({ group, version }) =>
    group === '' ? [`/api/${version}`] : [`/apis/${group}`, `/apis/${group}/${version}`],
  );
  return { paths: [...new Set([...FIXED, ...ofKinds, ...health.paths()])].toSorted() };
}
