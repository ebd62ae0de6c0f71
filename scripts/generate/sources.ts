/**
 * Which Go packages hold API types, and what they become here.
 *
 * The field table has all of them. Interfaces are written for the versions that a v1.36 server
 * serves, with all feature gates on, and for the review and discovery kinds that are only sent.
 */
import type { PackageSource } from './facts.ts';

const API_VERSIONS: Readonly<Record<string, string>> = {
  admission: 'v1 -v1beta1',
  admissionregistration: 'v1 v1alpha1 v1beta1',
  apidiscovery: 'v2 v2beta1',
  apiserverinternal: 'v1alpha1',
  apps: 'v1 -v1beta1 -v1beta2',
  authentication: 'v1 -v1alpha1 -v1beta1',
  authorization: 'v1 -v1beta1',
  autoscaling: 'v1 v2',
  batch: 'v1 -v1beta1',
  certificates: 'v1 v1alpha1 v1beta1',
  coordination: 'v1 v1alpha2 v1beta1',
  core: 'v1',
  discovery: 'v1 -v1beta1',
  events: 'v1 -v1beta1',
  extensions: '-v1beta1',
  flowcontrol: 'v1 -v1beta1 -v1beta2 -v1beta3',
  imagepolicy: 'v1alpha1',
  networking: 'v1 v1beta1',
  node: 'v1 -v1alpha1 -v1beta1',
  policy: 'v1 -v1beta1',
  rbac: 'v1 -v1alpha1 -v1beta1',
  resource: 'v1 v1alpha3 v1beta1 v1beta2',
  scheduling: 'v1 v1alpha2 -v1beta1',
  storage: 'v1 -v1alpha1 v1beta1',
  storagemigration: 'v1beta1',
};

export const META_PATH = 'k8s.io/apimachinery/pkg/apis/meta/v1';

/** Versions marked `-` in the table above are kept in the field table alone. */
export function packageSources(): readonly PackageSource[] {
  const sources: PackageSource[] = [{ path: META_PATH, file: 'meta-v1', interfaces: true }];
  for (const [directory, versions] of Object.entries(API_VERSIONS)) {
    for (const marked of versions.split(' ')) {
      const version = marked.replace('-', '');
      sources.push({
        path: `k8s.io/api/${directory}/${version}`,
        file: `${directory}-${version}`,
        interfaces: marked === version,
      });
    }
  }
  sources.push({
    path: 'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1',
    file: 'apiextensions-v1',
    interfaces: true,
  });
  return sources;
}

/** Debian's packages of the Go sources. */
export const DEBIAN_PACKAGES: readonly string[] = [
  'golang-k8s-api-dev',
  'golang-k8s-apimachinery-dev',
  'golang-k8s-apiextensions-apiserver-dev',
  'golang-k8s-client-go-dev',
  'golang-k8s-cri-api-dev',
];

/** Upstream's v1.36 is 0.36 in the version of its libraries. */
export const LIBRARY_VERSION = '0.36.';
