/** The flags of `cox kubelet`: upstream's names and defaults, for what there is here. */
import { defaultKubeletConfiguration } from '#kubelet/config/defaults.ts';
import { type Flags as AnyFlags, list, type Program, text } from '../flags.ts';
import { configFlags } from './config-flags.ts';

/**
 * What holds where there is no file: as it was before there were files. Source: upstream v1.36
 * cmd/kubelet/app/options/options.go (applyLegacyDefaults).
 */
export const WITHOUT_FILE = defaultKubeletConfiguration({
  authentication: {
    x509: {},
    webhook: { enabled: false, cacheTTL: '2m0s' },
    anonymous: { enabled: true },
  },
  authorization: {
    mode: 'AlwaysAllow',
    webhook: { cacheAuthorizedTTL: '5m0s', cacheUnauthorizedTTL: '30s' },
  },
  readOnlyPort: 10255,
});

const FLAGS = {
  config: text('', 'the file of the configuration (KubeletConfiguration)'),
  'config-dir': text('', 'a folder of drop-ins (*.conf) that change it, in order of their names'),
  kubeconfig: text('', 'the kubeconfig of the cluster'),
  'bootstrap-kubeconfig': text(
    '',
    'a kubeconfig to ask for a client certificate with, where --kubeconfig has none that can be used; that is then written',
  ),
  'hostname-override': text('', 'the name of the node; that of the machine unless given'),
  'node-ip': text('', 'the address of the node; two with a comma between for both families'),
  'node-labels': list('', 'labels of the node: a=b,c=d'),
  'root-dir': text('/var/lib/kubelet', 'where volumes and checkpoints lie'),
  'cert-dir': text('/var/lib/kubelet/pki', 'where its certificates lie'),
  'pod-infra-container-image': text('', 'the image of sandboxes, which is not removed'),
  'image-credential-provider-config': text(
    '',
    'the file (CredentialProviderConfig), or a folder of such, of programs that give credentials of registries',
  ),
  'image-credential-provider-bin-dir': text('', 'the folder of these programs'),
  'cloud-provider': text('', 'none: it is empty'),
  ...configFlags(WITHOUT_FILE),
} satisfies Program<string>['flags'];

export type Flags = AnyFlags<string>;

/** Source: upstream v1.36 cmd/kubelet/app/options (options.go, globalflags_linux.go). */
const MISSING_FLAGS: ReadonlySet<string> = new Set(
  `
application-metrics-count-limit boot-id-file container-hints containerd containerd-namespace
enable-load-reader event-storage-age-limit event-storage-event-limit exit-on-lock-contention
experimental-allocatable-ignore-eviction experimental-mounter-path global-housekeeping-interval
housekeeping-interval lock-file
log-cadvisor-usage log-json-info-buffer-size log-json-split-stream log-text-info-buffer-size
log-text-split-stream machine-id-file manifest-url-header max-housekeeping-interval
maximum-dead-containers maximum-dead-containers-per-container minimum-container-ttl-duration
reserved-memory runtime-cgroups storage-driver-buffer-duration storage-driver-db
storage-driver-host storage-driver-password storage-driver-secure storage-driver-table
storage-driver-user version vmodule
`
    .trim()
    .split(/\s+/),
);

export const KUBELET: Program<string> = {
  command: 'cox kubelet',
  upstream: 'kubelet',
  about:
    'Run the kubelet alone, against the API server of a kubeconfig and a runtime that speaks CRI v1. The network of pods is what that runtime has: no proxy, no policies, no DNS.',
  flags: FLAGS,
  missing: MISSING_FLAGS,
};
