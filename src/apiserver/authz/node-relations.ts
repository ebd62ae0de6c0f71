/** Relations between a node and objects that lie in other objects than its pods. */
import type { PersistentVolume } from '#api/gen/core-v1.ts';
import type { PodCertificateRequest } from '#api/gen/certificates-v1beta1.ts';
import type { ResourceSlice } from '#api/gen/resource-v1.ts';
import type { VolumeAttachment } from '#api/gen/storage-v1.ts';
import type { ObjectReader } from '../admission/admission.ts';
import {
  PERSISTENT_VOLUMES,
  POD_CERTIFICATE_REQUESTS,
  RESOURCE_SLICES,
  VOLUME_ATTACHMENTS,
} from '../admission/targets.ts';
import { volumeSecrets } from '#api/core/pod-references.ts';
import type { AuthorizationAttributes } from './authorizer.ts';
import { ClaimedVolumes } from './claimed-volumes.ts';
import type { NodePods } from './node-pods.ts';
import { ALLOW, type Rule } from './node-rules.ts';

export class StoredRelations {
  readonly #reader: ObjectReader;
  readonly #pods: NodePods;
  readonly #volumes: ClaimedVolumes;

  constructor(reader: ObjectReader, pods: NodePods) {
    this.#reader = reader;
    this.#pods = pods;
    this.#volumes = new ClaimedVolumes(reader);
  }

  /** A secret that a volume of one of the node's pods needs may lie in any namespace. */
  orSecretOfVolume(direct: Rule): Rule {
    return (node, attributes) => {
      const decision = direct(node, attributes);
      if (decision.outcome === 'allow' || attributes.name === '') return decision;
      for (const volume of this.#volumesOf(node)) {
        const found = volumeSecrets(volume).some(
          ({ namespace, name }) => namespace === attributes.namespace && name === attributes.name,
        );
        if (found) return ALLOW;
      }
      return decision;
    };
  }

  mountsVolume(node: string, name: string): boolean {
    const volume = this.#reader.get(PERSISTENT_VOLUMES, '', name) as PersistentVolume | undefined;
    const claim = volume?.spec?.claimRef;
    if (claim === undefined) return false;
    for (const pod of this.#pods.of(node)) {
      if (pod.namespace === claim.namespace && pod.references.claims.has(claim.name ?? ''))
        return true;
    }
    return false;
  }

  isAttachedTo(node: string, name: string): boolean {
    const attachment = this.#reader.get(VOLUME_ATTACHMENTS, '', name) as
      | VolumeAttachment
      | undefined;
    return attachment?.spec?.nodeName === node;
  }

  hasSlice(node: string, name: string): boolean {
    const slice = this.#reader.get(RESOURCE_SLICES, '', name) as ResourceSlice | undefined;
    return slice?.spec?.nodeName === node;
  }

  asked(node: string, { namespace, name }: AuthorizationAttributes): boolean {
    const request = this.#reader.get(POD_CERTIFICATE_REQUESTS, namespace, name) as
      | PodCertificateRequest
      | undefined;
    return request?.spec?.nodeName === node;
  }

  /** A volume belongs to the claim that it names, whether or not the claim names it already. */
  *#volumesOf(node: string): Generator<PersistentVolume> {
    for (const { namespace, references } of this.#pods.of(node))
      for (const claim of references.claims) yield* this.#volumes.of(namespace, claim);
  }
}
