/** Volumes that no longer work, paths that hide one another. Upstream: pkg/api/pod/warnings.go. */
import { trimEndOf } from '#base/trim.ts';
import type { Volume, VolumeProjection } from '#api/gen/core-v1.ts';
import { canonicalQuantity, isWholeQuantity } from '../codec/quantity.ts';
import type { FieldPath } from '../meta/field.ts';

const OLD_VOLUMES = {
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  gitRepo: 'deprecated in v1.11, and disabled by default in v1.33+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
} as const satisfies Partial<Record<keyof Volume, string>>;

/** Upstream's warning writes it so. */
const OTHER_NAMES: Readonly<Record<string, string>> = { storageos: 'storageOS' };

type Quantities = Readonly<Record<string, string>> | undefined;

/** Amounts of bytes that are no whole number. */
export function warnAboutFraction(
  list: Quantities,
  at: FieldPath,
  names: readonly string[] = ['memory', 'ephemeral-storage'],
): string[] {
  return names.flatMap((name) => {
    const value = list?.[name];
    if (value === undefined || isWholeQuantity(value)) return [];
    const text = JSON.stringify(canonicalQuantity(value));
    return [
      `${at.key(name).toString()}: fractional byte value ${text} is invalid, must be an integer`,
    ];
  });
}

interface Placed {
  readonly path: string;
  readonly source: string;
}

type Item = { readonly path?: string };

const text = ({ path, source }: Placed): string =>
  source === '' ? JSON.stringify(path) : `${JSON.stringify(path)} (${source})`;

const paths = (items: readonly Item[] | undefined, source: string): Placed[] =>
  (items ?? []).map(({ path = '' }) => ({ path, source }));

/** Sentences about paths that lie within one another, the later one first. */
function overlaps(placed: readonly Placed[]): string[] {
  const trimmed = placed.map(({ path, source }) => ({
    path: trimEndOf(path, (last) => last === '/'),
    source,
  }));
  return trimmed.flatMap((entry, i) =>
    trimmed
      .slice(0, i)
      .filter(({ path }) => {
        if (path === '' || entry.path === '') return false;
        return `${path}/`.startsWith(`${entry.path}/`) || `${entry.path}/`.startsWith(`${path}/`);
      })
      .map((other) => `${text(entry)} with ${text(other)}`),
  );
}

function projectedPaths(source: VolumeProjection): Placed[] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle } = source;
  if (configMap?.items !== undefined) {
    return paths(configMap.items, `ConfigMap ${JSON.stringify(configMap.name ?? '')}`);
  }
  if (secret?.items !== undefined) {
    return paths(secret.items, `Secret ${JSON.stringify(secret.name ?? '')}`);
  }
  if (downwardAPI?.items !== undefined) return paths(downwardAPI.items, 'DownwardAPI');
  if (serviceAccountToken !== undefined) return paths([serviceAccountToken], 'ServiceAccountToken');
  if (clusterTrustBundle !== undefined) {
    const name = clusterTrustBundle.name ?? clusterTrustBundle.signerName ?? '';
    return paths([clusterTrustBundle], `ClusterTrustBundle ${JSON.stringify(name)}`);
  }
  const { certificateChainPath, keyPath, credentialBundlePath } = source.podCertificate ?? {};
  const files = {
    'PodCertificate chain': certificateChainPath,
    'PodCertificate key': keyPath,
    'PodCertificate credential bundle': credentialBundlePath,
  };
  return Object.entries(files).flatMap(([name, path]) => (path ? [{ path, source: name }] : []));
}

function warnAboutPaths(volume: Volume): string[] {
  const { name, configMap, secret, downwardAPI, projected } = volume;
  const quoted = JSON.stringify(name);
  const tell = (what: string, placed: readonly Placed[]): string[] =>
    overlaps(placed).map((body) => `volume ${quoted} (${what}): overlapping paths: ${body}`);
  const sources = projected?.sources ?? [];
  const empty = sources.filter((source) => Object.keys(source).length === 0);
  return [
    ...tell(`ConfigMap ${JSON.stringify(configMap?.name ?? '')}`, paths(configMap?.items, '')),
    ...tell(`Secret ${JSON.stringify(secret?.secretName ?? '')}`, paths(secret?.items, '')),
    ...tell('DownwardAPI', paths(downwardAPI?.items, '')),
    ...empty.map(() => `volume ${quoted} (Projected) has no sources provided`),
    ...tell('Projected', sources.flatMap(projectedPaths)),
  ];
}

function warnAboutVolume(volume: Volume, at: FieldPath): string[] {
  const warnings = Object.entries(OLD_VOLUMES)
    .filter(([field]) => Object.hasOwn(volume, field))
    .map(([field, message]) => `${at.child(OTHER_NAMES[field] ?? field).toString()}: ${message}`);
  const resources = volume.ephemeral?.volumeClaimTemplate?.spec?.resources;
  const here = at.child('ephemeral', 'volumeClaimTemplate', 'spec', 'resources');
  return [
    ...warnings,
    ...warnAboutFraction(resources?.requests, here.child('requests'), ['storage']),
    ...warnAboutFraction(resources?.limits, here.child('limits'), ['storage']),
  ];
}

export function warnAboutVolumes(volumes: readonly Volume[], at: FieldPath): string[] {
  return [
    ...volumes.flatMap((volume, i) => warnAboutVolume(volume, at.index(i))),
    ...volumes.flatMap(warnAboutPaths),
  ];
}
