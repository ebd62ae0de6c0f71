/**
 * NamespaceLifecycle: nothing new in a namespace that is missing or going away, and three
 * namespaces that never go.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle.
 */
import type { Namespace } from '#api/gen/core-v1.ts';
import { notFound } from '#api/meta/status.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, NAMESPACES } from '../targets.ts';

const IMMORTAL = new Set(['default', 'kube-system', 'kube-public']);
/** Namespaces whose deletion was asked for and may not show in the cache yet. */
const DELETING_MAX = 100;
const DELETING_MS = 30_000;

export function namespaceLifecycle({ reader, environment }: AdmissionServices): AdmissionPlugin {
  /** Name → until when the cache alone is not believed (monotonic milliseconds). */
  const deleting = new Map<string, number>();

  const remember = (name: string): void => {
    const oldest = deleting.size >= DELETING_MAX ? deleting.keys().next().value : undefined;
    if (oldest !== undefined) deleting.delete(oldest);
    deleting.set(name, environment.clock.monotonicMs() + DELETING_MS);
  };
  const isDoubtful = (name: string): boolean => {
    const until = deleting.get(name);
    if (until === undefined) return false;
    if (until > environment.clock.monotonicMs()) return true;
    deleting.delete(name);
    return false;
  };
  const read = (name: string): Namespace | undefined =>
    reader.get(NAMESPACES, '', name) as Namespace | undefined;

  const currentNamespace = async (name: string): Promise<Namespace> => {
    let namespace = read(name);
    if (namespace === undefined || (isDoubtful(name) && namespace.status?.phase === 'Active')) {
      await reader.catchUp();
      namespace = read(name);
    }
    if (namespace === undefined) throw notFound({ group: '', resource: 'namespaces' }, name);
    return namespace;
  };

  return {
    name: 'NamespaceLifecycle',
    async admit(attributes) {
      const { operation, namespace: name } = attributes;
      if (isFor(attributes, NAMESPACES)) {
        if (operation !== 'DELETE') return;
        if (IMMORTAL.has(attributes.name))
          throw refusal(attributes, 'this namespace may not be deleted');
        remember(attributes.name);
        return;
      }
      if (name === '' || !attributes.kind.namespaced || isAccessReview(attributes)) return;
      if (operation !== 'CREATE' && operation !== 'UPDATE') return;
      const namespace = await currentNamespace(name);
      if (operation === 'CREATE' && namespace.status?.phase === 'Terminating')
        throw terminating(attributes);
    },
  };
}

/** A review of access must not tell which namespaces exist. */
function isAccessReview({ kind }: Attributes): boolean {
  return kind.group === 'authorization.k8s.io' && kind.plural === 'localsubjectaccessreviews';
}

function terminating(attributes: Attributes): Error {
  const { namespace } = attributes;
  return refusal(
    attributes,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
    [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  );
}
