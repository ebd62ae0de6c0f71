/** A kubelet gets tokens only for pods that run on its node, and only such as these pods mount. */
import { type Eventual, whenThere } from '#base/eventual.ts';
import type { TokenRequest } from '#api/gen/authentication-v1.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '#api/gen/core-v1.ts';
import type { CSIDriver } from '#api/gen/storage-v1.ts';
import { claimName } from '#api/core/pod-references.ts';
import type { ObjectReader } from '../admission.ts';
import { aggregate } from '../../authz/authorizer.ts';
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
  const errors: string[] = [];
  const wanted = (pod.spec?.volumes ?? []).some((volume) =>
    wantsAudience(services.reader, { pod, volume, audience }, errors),
  );
  if (wanted) return undefined;
  if (errors.length > 0)
    throw refusal(
      attributes,
      `error validating audience ${JSON.stringify(audience)}: ${aggregate(errors)}`,
    );
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

/** Drivers that take the place of the sorts of volumes that were once built in. */
const MIGRATED: Readonly<Record<string, string>> = {
  awsElasticBlockStore: 'ebs.csi.aws.com',
  gcePersistentDisk: 'pd.csi.storage.gke.io',
  azureDisk: 'disk.csi.azure.com',
  azureFile: 'file.csi.azure.com',
  cinder: 'cinder.csi.openstack.org',
  vsphereVolume: 'csi.vsphere.vmware.com',
  portworxVolume: 'pxd.portworx.com',
};

/** A volume asks for tokens of its own audience, or its CSI driver does. `errors`: what is not there. */
function wantsAudience(
  reader: ObjectReader,
  { pod, volume, audience }: { pod: Pod; volume: Volume; audience: string },
  errors: string[],
): boolean {
  const projected = volume.projected?.sources.some(
    ({ serviceAccountToken: token }) => token !== undefined && (token.audience ?? '') === audience,
  );
  if (projected === true) return true;
  const claim = claimName(pod, volume);
  const name =
    claim === undefined
      ? driverOf(volume)
      : driverOfClaim(reader, { namespace: pod.metadata?.namespace ?? '', claim }, errors);
  if (name === undefined) return false;
  const driver = reader.get(CSI_DRIVERS, '', name) as CSIDriver | undefined;
  if (driver === undefined) errors.push(missing('csidriver.storage.k8s.io', name));
  return (driver?.spec?.tokenRequests ?? []).some((request) => request.audience === audience);
}

/** Of a volume of a pod, or of a PersistentVolume. */
function driverOf(source: { readonly csi?: { readonly driver: string } }): string | undefined {
  if (source.csi !== undefined) return source.csi.driver;
  const [, name] = Object.entries(MIGRATED).find(([sort]) => Object.hasOwn(source, sort)) ?? [];
  return name;
}

function driverOfClaim(
  reader: ObjectReader,
  { namespace, claim: name }: { readonly namespace: string; readonly claim: string },
  errors: string[],
): string | undefined {
  const claim = reader.get(PERSISTENT_VOLUME_CLAIMS, namespace, name) as
    | PersistentVolumeClaim
    | undefined;
  if (claim === undefined) {
    errors.push(missing('persistentvolumeclaim', name));
    return undefined;
  }
  const bound = claim.spec?.volumeName ?? '';
  const volume = reader.get(PERSISTENT_VOLUMES, '', bound) as PersistentVolume | undefined;
  if (volume === undefined) errors.push(missing('persistentvolume', bound));
  return volume?.spec === undefined ? undefined : driverOf(volume.spec);
}

/** As upstream's caches say it. */
function missing(resource: string, name: string): string {
  return `${resource} ${JSON.stringify(name)} not found`;
}
