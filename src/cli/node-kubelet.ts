/**
 * The configuration of the kubelet in the process of a node: what all nodes of a cluster share; over
 * it the drop-ins of a machine that joined; and over both what no cluster can know of a node, because
 * paths, addresses and certificates are its own.
 *
 * Source: kubelet.config.k8s.io/v1beta1 KubeletConfiguration.
 */
import { ConfigError } from '#api/component-config/error.ts';
import { fromYaml } from '#api/codec/yaml.ts';
import { defaultKubeletConfiguration, withDefaultEviction } from '#kubelet/config/defaults.ts';
import { readKubeletConfig, withDropIns } from '#kubelet/config/read.ts';
import type { KubeletConfiguration } from '#kubelet/config/types.ts';
import { checkedConfig, dropInsOf } from './kubelet/load.ts';
import { sharedSettings } from './kubelet-settings.ts';
import type { NodeConfig } from './node-config.ts';
import type { NodeDirectory } from './node-directory.ts';
import { nodeLayout } from './node-layout.ts';
import { resolverFile } from './resolver-file.ts';
import { UserError } from './user-error.ts';

/** Checked for this machine. Throws UserError. */
export function nodeKubeletConfiguration(
  config: NodeConfig,
  directory: NodeDirectory,
): KubeletConfiguration {
  const { kubeletConfiguration: text, kubeletConfigDirectory: folder } = config;
  try {
    const cluster = text === undefined ? ownSettings(config) : clusterSettings(text, directory);
    const whole = folder === undefined ? cluster : withDropIns(cluster, dropInsOf(folder));
    const decided = { ...whole, ...settingsOfNode(config, directory, whole) };
    return checkedConfig(withDefaultEviction(decided));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new UserError(`Cannot use the KubeletConfiguration of the cluster: ${error.message}`);
  }
}

/** Of a node whose cluster is on the same machine, or that joined before its cluster had others. */
function ownSettings(config: NodeConfig): KubeletConfiguration {
  const { authentication: _a, authorization: _b, ...shared } = sharedSettings(config);
  return defaultKubeletConfiguration({ ...shared, healthzPort: 0, resolvConf: resolverFile() });
}

/** Throws ConfigError. */
function clusterSettings(text: string, directory: NodeDirectory): KubeletConfiguration {
  const read = readKubeletConfig(text, nodeLayout(directory).kubeletRoot);
  const named = fromYaml(text) as object;
  return {
    ...read,
    // Several nodes of a machine would want the same one.
    ...('healthzPort' in named ? {} : { healthzPort: 0 }),
    ...('resolvConf' in named ? {} : { resolvConf: resolverFile() }),
  };
}

/** What is decided here, whatever is asked for. */
function settingsOfNode(
  config: NodeConfig,
  directory: NodeDirectory,
  { authentication }: KubeletConfiguration,
): Partial<KubeletConfiguration> {
  const layout = nodeLayout(directory);
  const rotates = config.rotatesCertificates === true;
  return {
    address: config.address,
    port: config.kubeletPort,
    enableServer: true,
    registerNode: true,
    staticPodPath: layout.staticPods,
    podLogsDir: layout.podLogs,
    cgroupRoot: `/${layout.cgroup}`,
    cgroupDriver: 'cgroupfs',
    containerRuntimeEndpoint: `unix://${layout.containerdSocket}`,
    imageServiceEndpoint: '',
    // Clients are known by the authority of the cluster, the server by a certificate of its own.
    authentication: { ...authentication, x509: {} },
    tlsCertFile: '',
    tlsPrivateKeyFile: '',
    rotateCertificates: rotates,
    serverTLSBootstrap: rotates,
  };
}
