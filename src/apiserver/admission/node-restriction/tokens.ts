/** A kubelet gets tokens only for pods that run on its node, and only such as these pods mount. */
import { type Eventual, whenThere } from '#base/eventual.ts';
import type { TokenRequest } from '#api/gen/authentication-v1.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '#api/gen/core-v1.ts';
import type { CSIDriver } from '#api/gen/storage-v1.ts';
import { claimName } from '#api/core/pod-references.ts';
import type { ObjectReader } from '../admission.ts';
import { refusal } from '../refusal.ts';
import { CSI_DRIVERS, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES } from '../targets.ts';
import { existingPod, type NodeCall } from './call.ts';

/** A node gets tokens only for pods that run on it, and only such as these pods mount. */
export function admitToken(call: NodeCall): Eventual<void> {
  const { node, attributes, services } = call;
  if (attributes.operation !== 'CREATE' || attributes.subresource !== 'token') return undefined;
  const request = attributes.object as TokenRequest;
  const bound = request.spec?.boundObjectRef;
  if (bound?.apiVersion !== 'v1' || bound.kind !== 'Pod' || (bound.name ?? '') === '') {
    throw refusal(attributes, 'node requested token not bound to a pod');
  }
  if ((bound.uid ?? '') === '') {
    throw refusal(attributes, 'node requested token with a pod binding without a uid');
  }
  const pod = existingPod(services.reader, attributes.namespace, bound.name ?? '');
  if (bound.uid !== pod.metadata?.uid) {
    throw refusal(
      attributes,
      `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (pod.spec?.nodeName !== node) {
    throw refusal(attributes, 'node requested token bound to a pod scheduled on a different node');
  }
  return checkAudience(call, request, pod);
}

function checkAudience(
  { attributes, services }: NodeCall,
  request: TokenRequest,
  pod: Pod,
): Eventual<void> {
  const audiences = request.spec?.audiences ?? [];
  if (audiences.length > 1) throw refusal(attributes, 'node may only request 0 or 1 audiences');
  const audience = audiences[0] ?? '';
  if (
    (pod.spec?.volumes ?? []).some((volume) =>
      wantsAudience(services.reader, { pod, volume, audience }),
    )
  )
    return undefined;
  const asked = {
    user: attributes.user,
    verb: 'request-serviceaccounts-token-audience',
    path: '',
    isResourceRequest: true,
    group: '',
    version: 'v1',
    resource: audience,
    subresource: '',
    namespace: attributes.namespace,
    name: attributes.name,
  };
  return whenThere(services.authorize(asked), ({ outcome }) => {
    if (outcome === 'allow') return;
    throw refusal(
      attributes,
      `audience ${JSON.stringify(audience)} not found in pod spec volume, ${attributes.user.name} is not authorized to request tokens for this audience`,
    );
  });
}

/** A volume asks for tokens of its own audience, or its CSI driver does. */
function wantsAudience(
  reader: ObjectReader,
  at: { pod: Pod; volume: Volume; audience: string },
): boolean {
  const { pod, volume, audience } = at;
  const projected = volume.projected?.sources.some(
    ({ serviceAccountToken: token }) => token !== undefined && (token.audience ?? '') === audience,
  );
  if (projected === true) return true;
  const name =
    volume.csi?.driver ??
    driverOfClaim(reader, pod.metadata?.namespace ?? '', claimName(pod, volume));
  if (name === undefined) return false;
  const driver = reader.get(CSI_DRIVERS, '', name) as CSIDriver | undefined;
  return (driver?.spec?.tokenRequests ?? []).some((request) => request.audience === audience);
}

function driverOfClaim(
  reader: ObjectReader,
  namespace: string,
  name: string | undefined,
): string | undefined {
  if (name === undefined) return undefined;
  const claim = reader.get(PERSISTENT_VOLUME_CLAIMS, namespace, name) as
    | PersistentVolumeClaim
    | undefined;
  const volume = reader.get(PERSISTENT_VOLUMES, '', claim?.spec?.volumeName ?? '') as
    | PersistentVolume
    | undefined;
  return volume?.spec?.csi?.driver;
}
