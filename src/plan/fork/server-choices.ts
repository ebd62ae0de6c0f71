/** How the fork's API server must be set up to take the cluster's objects for its own. */
import type { ApiServerOptions } from '#apiserver/server-options.ts';
import type { ServiceCIDR } from '#api/gen/networking-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';

type Choices = Omit<
  ApiServerOptions,
  'environment' | 'store' | 'serviceAccountKey' | 'featureGates'
>;

const RANGE_DEFAULT = '10.96.0.0/12';

/** Admission that refuses what names objects of a kind: without the right to read them it is off. */
const ADMISSION_BY_KIND: Readonly<Record<string, string>> = {
  serviceaccounts: 'ServiceAccount',
  'priorityclasses.scheduling.k8s.io': 'Priority',
  'runtimeclasses.node.k8s.io': 'RuntimeClass',
};

/** Whoever calls a webhook writes to the world. */
const CALLS_OUT = ['MutatingAdmissionWebhook', 'ValidatingAdmissionWebhook'];

export function serverChoices(
  objects: readonly KubeObject[],
  unread: ReadonlySet<string>,
): Choices {
  return {
    serviceAccountIssuer: 'https://kubernetes.default.svc',
    serviceClusterIpRange: serviceRange(objects) ?? RANGE_DEFAULT,
    serviceNodePortRange: { from: 30_000, to: 32_767 },
    advertise: { address: '192.0.2.1', port: 6443 },
    // Who publishes the address of the real server is the real server.
    publishesAddress: false,
    clientCa: '',
    admission: { disabled: [...CALLS_OUT, ...admissionWithout(unread)] },
    kubelets: {
      to: () => () => Promise.reject(new Error('Cannot reach kubelet: nodes are simulated')),
    },
  };
}

/** Admission plug-ins that cannot do their work without the kinds that were not read. */
export function admissionWithout(unread: ReadonlySet<string>): string[] {
  return Object.entries(ADMISSION_BY_KIND)
    .filter(([resource]) => unread.has(resource))
    .map(([, plugin]) => plugin);
}

function serviceRange(objects: readonly KubeObject[]): string | undefined {
  const ranges = objects.filter(({ kind }) => kind === 'ServiceCIDR') as ServiceCIDR[];
  return ranges.find(({ metadata }) => metadata?.name === 'kubernetes')?.spec?.cidrs?.[0];
}
