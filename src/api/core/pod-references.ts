/**
 * What a pod refers to by name: the objects that its node must be able to read.
 *
 * Source: upstream pkg/api/v1/pod/util.go (VisitPodSecretNames, VisitPodConfigmapNames) and
 * plugin/pkg/auth/authorizer/node/graph.go.
 */
import type {
  Container,
  EphemeralContainer,
  PersistentVolume,
  Pod,
  Volume,
} from '#api/gen/core-v1.ts';

export const MIRROR_POD_ANNOTATION = 'kubernetes.io/config.mirror';

export interface PodReferences {
  readonly secrets: ReadonlySet<string>;
  readonly configMaps: ReadonlySet<string>;
  readonly claims: ReadonlySet<string>;
  readonly resourceClaims: ReadonlySet<string>;
  readonly serviceAccount: string | undefined;
}

export function isMirrorPod(pod: Pod): boolean {
  return pod.metadata?.annotations?.[MIRROR_POD_ANNOTATION] !== undefined;
}

/** Containers of all three sorts. */
export function allContainers(pod: Pod): readonly (Container | EphemeralContainer)[] {
  const { spec } = pod;
  return [
    ...(spec?.initContainers ?? []),
    ...(spec?.containers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ];
}

export function podReferences(pod: Pod): PodReferences {
  const volumes = pod.spec?.volumes ?? [];
  return {
    secrets: named(secretNames(pod, volumes)),
    configMaps: named(configMapNames(pod, volumes)),
    claims: named(volumes.map((volume) => claimName(pod, volume))),
    resourceClaims: named(resourceClaimNames(pod)),
    serviceAccount: pod.spec?.serviceAccountName || undefined,
  };
}

function named(names: Iterable<string | undefined>): ReadonlySet<string> {
  const result = new Set<string>();
  for (const name of names) if (name !== undefined && name !== '') result.add(name);
  return result;
}

function* secretNames(pod: Pod, volumes: readonly Volume[]): Generator<string | undefined> {
  for (const { name } of pod.spec?.imagePullSecrets ?? []) yield name;
  for (const container of allContainers(pod)) {
    for (const source of container.envFrom ?? []) yield source.secretRef?.name;
    for (const variable of container.env ?? []) yield variable.valueFrom?.secretKeyRef?.name;
  }
  for (const volume of volumes) {
    yield volume.secret?.secretName;
    yield volume.azureFile?.secretName;
    for (const source of [
      volume.cephfs,
      volume.cinder,
      volume.flexVolume,
      volume.rbd,
      volume.scaleIO,
      volume.iscsi,
      volume.storageos,
    ]) {
      yield source?.secretRef?.name;
    }
    yield volume.csi?.nodePublishSecretRef?.name;
    for (const source of volume.projected?.sources ?? []) yield source.secret?.name;
  }
}

function* configMapNames(pod: Pod, volumes: readonly Volume[]): Generator<string | undefined> {
  for (const container of allContainers(pod)) {
    for (const source of container.envFrom ?? []) yield source.configMapRef?.name;
    for (const variable of container.env ?? []) yield variable.valueFrom?.configMapKeyRef?.name;
  }
  for (const volume of volumes) {
    yield volume.configMap?.name;
    for (const source of volume.projected?.sources ?? []) yield source.configMap?.name;
  }
}

/** The PersistentVolumeClaim behind a volume; for an ephemeral one it is named after the pod. */
export function claimName(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral === undefined ? undefined : `${pod.metadata?.name ?? ''}-${volume.name}`;
}

function* resourceClaimNames(pod: Pod): Generator<string | undefined> {
  for (const claim of pod.spec?.resourceClaims ?? []) {
    if (claim.resourceClaimName !== undefined) yield claim.resourceClaimName;
    else
      yield pod.status?.resourceClaimStatuses?.find((status) => status.name === claim.name)
        ?.resourceClaimName;
  }
  yield pod.status?.extendedResourceClaimStatus?.resourceClaimName;
}

/** Secrets that a node needs in order to mount `volume`, by namespace and name. */
export function volumeSecrets(
  volume: PersistentVolume,
): readonly { namespace: string; name: string }[] {
  const { spec } = volume;
  const home = spec?.claimRef?.namespace ?? '';
  const found: { namespace: string; name: string }[] = [];
  const add = (name: string | undefined, namespace: string | undefined): void => {
    if (name !== undefined && name !== '') found.push({ name, namespace: namespace || home });
  };
  add(spec?.azureFile?.secretName, spec?.azureFile?.secretNamespace);
  for (const source of [
    spec?.cephfs,
    spec?.cinder,
    spec?.flexVolume,
    spec?.rbd,
    spec?.scaleIO,
    spec?.iscsi,
    spec?.storageos,
  ]) {
    add(source?.secretRef?.name, source?.secretRef?.namespace);
  }
  add(spec?.csi?.nodePublishSecretRef?.name, spec?.csi?.nodePublishSecretRef?.namespace);
  add(spec?.csi?.nodeStageSecretRef?.name, spec?.csi?.nodeStageSecretRef?.namespace);
  add(spec?.csi?.nodeExpandSecretRef?.name, spec?.csi?.nodeExpandSecretRef?.namespace);
  return found;
}

/**
 * What kind of API object a static pod refers to, in upstream's words, or undefined. A node may
 * make no pod that would give it rights on other objects.
 */
export function referencedKind(pod: Pod): string | undefined {
  const { secrets, configMaps, serviceAccount } = podReferences(pod);
  if (serviceAccount !== undefined) return 'serviceaccounts';
  if (secrets.size > 0) return 'secrets';
  if (configMaps.size > 0) return 'configmaps';
  if ((pod.spec?.resourceClaims ?? []).length > 0) return 'resourceclaims';
  for (const volume of pod.spec?.volumes ?? []) {
    const found = referencedByVolume(volume);
    if (found !== undefined) return found;
  }
  return undefined;
}

function referencedByVolume(volume: Volume): string | undefined {
  if (volume.configMap !== undefined) return 'configmaps (via configmap volumes)';
  if (volume.secret !== undefined) return 'secrets (via secret volumes)';
  if (volume.csi !== undefined) return 'csidrivers (via CSI volumes)';
  if (volume.glusterfs !== undefined) return 'endpoints (via glusterFS volumes)';
  if (volume.persistentVolumeClaim !== undefined) return 'persistentvolumeclaims';
  if (volume.ephemeral !== undefined) return 'persistentvolumeclaims (via ephemeral volumes)';
  if (volume.azureFile !== undefined) return 'secrets (via azureFile volumes)';
  for (const source of volume.projected?.sources ?? []) {
    if (source.configMap !== undefined) return 'configmaps (via projected volumes)';
    if (source.secret !== undefined) return 'secrets (via projected volumes)';
    if (source.serviceAccountToken !== undefined) return 'serviceaccounts (via projected volumes)';
    if (source.clusterTrustBundle !== undefined) return 'clustertrustbundles';
    if (source.podCertificate !== undefined) return 'podcertificates';
  }
  return undefined;
}
