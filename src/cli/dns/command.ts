/** `cox dns`: the cluster's DNS alone, in CoreDNS's place: on a machine, or in a pod. */
import { hostname } from 'node:os';
import { aborted } from '#base/env.ts';
import { parseCidr, parseIp } from '#base/ip.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { resolversOf } from '#dns/resolv-conf.ts';
import { realEnvironment } from '#edge/environment.ts';
import { KUBELET_VERSION } from '#kubelet/node/node-object.ts';
import { componentClients } from '../component/clients.ts';
import { runComponent } from '../component/run.ts';
import { readTextIfThere } from '../files.ts';
import { inClusterAccess } from '../kube-client.ts';
import { messageOf, UserError } from '../user-error.ts';
import { DNS, type Flags } from './flags.ts';
import { serveDns } from './serve.ts';

/** Runs until SIGTERM or SIGINT. Throws UserError. */
export function runDns(args: readonly string[]): Promise<void> {
  return runComponent(DNS, args, dnsProcess);
}

/** Resolves after `signal`; rejects with UserError. */
export async function dnsProcess(flags: Flags, signal: AbortSignal): Promise<void> {
  const listenAddresses = addressesIn(flags, 'bind-address');
  const clusterDns = addressesIn(flags, 'cluster-dns');
  const ownRanges = flags.list('own-ranges');
  for (const range of ownRanges)
    if (parseCidr(range) === undefined)
      throw new UserError(`--own-ranges: ${range} is no range of addresses, as 10.244.0.0/16 is`);
  const [firstAddress = ''] = listenAddresses;
  if (firstAddress === '') throw new UserError('--bind-address: name an address');
  const environment = realEnvironment({ logLevel: flags.number('v') >= 4 ? 'debug' : 'info' });
  const kubeconfig = flags.text('kubeconfig') || inClusterAccess(process.env);
  const metrics = new MetricRegistry();
  const clients = componentClients({ kubeconfig, environment, signal, metrics });
  const resolvConf = flags.text('resolv-conf');
  const addresses = clusterDns.length > 0 ? clusterDns : listenAddresses;
  try {
    const dns = await serveDns({
      environment,
      client: clients.base('coredns'),
      signal,
      host: hostname(),
      addresses,
      listenAddresses,
      port: flags.number('dns-port'),
      clusterDomain: flags.text('cluster-domain'),
      ownRanges,
      resolvers: () => resolversOf(readTextIfThere(resolvConf) ?? '', addresses),
      version: KUBELET_VERSION,
      pages: {
        host: firstAddress,
        metricsPort: flags.number('metrics-port'),
        healthPort: flags.number('health-port'),
        readyPort: flags.number('ready-port'),
      },
    }).catch((error: unknown) => {
      const where = `${listenAddresses.join(', ')}, port ${flags.text('dns-port')}`;
      throw new UserError(`Cannot listen on ${where}: ${messageOf(error)}`);
    });
    await Promise.race([dns.synced(), aborted(signal)]);
    if (!signal.aborted) environment.log.info('the DNS is ready');
    await aborted(signal);
  } finally {
    clients.close();
  }
}

function addressesIn(flags: Flags, name: 'bind-address' | 'cluster-dns'): string[] {
  const addresses = flags.list(name);
  for (const address of addresses)
    if (parseIp(address) === undefined) throw new UserError(`--${name}: ${address} is no address`);
  return addresses;
}
