/**
 * What a request says that becomes a connection (exec, attach, port-forward, proxy), as the object
 * that admission sees.
 *
 * Source: API reference v1.36, PodExecOptions and its kin; upstream endpoints/handlers/rest.go
 * (ConnectResource).
 */
import { anyKind, defineKind, type AnyKind } from '#api/kind.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { ApiObject } from '../api-object.ts';
import type { RequestContext } from '../context.ts';
import type { Resource } from '../registry/resource.ts';
import { attributesOf, type WriteServices } from '../verbs/write.ts';

const NAMES = [
  'NodeProxyOptions',
  'PodAttachOptions',
  'PodExecOptions',
  'PodPortForwardOptions',
  'PodProxyOptions',
  'ServiceProxyOptions',
] as const;

type OptionsKind = (typeof NAMES)[number];

const KINDS = new Map<OptionsKind, AnyKind>(
  NAMES.map((kind) => [
    kind,
    anyKind(
      defineKind<KubeObject>({
        group: '',
        version: 'v1',
        kind,
        plural: kind.toLowerCase(),
        namespaced: kind !== 'NodeProxyOptions',
        verbs: [],
        schema: `io.k8s.api.core.v1.${kind}`,
      }),
    ),
  ]),
);

export interface ConnectOptions<T extends object> {
  readonly kind: OptionsKind;
  /** Without type and version. */
  readonly object: T;
}

/** Admission of a connection to an object of `resource`. It may change `options.object`. */
export async function admitConnect(
  context: RequestContext,
  { admission }: WriteServices,
  resource: Resource,
  { kind, object }: ConnectOptions<object>,
): Promise<void> {
  const objectKind = KINDS.get(kind);
  const call = {
    context,
    resource,
    dryRun: false,
    ...(objectKind === undefined ? {} : { objectKind }),
  };
  const attributes = attributesOf(call, 'CONNECT', object as ApiObject);
  await admission.admit(attributes);
  await admission.validate(attributes);
}
