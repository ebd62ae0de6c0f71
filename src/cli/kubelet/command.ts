/** `cox kubelet`: the kubelet alone, with upstream's flags, beside any API server and any runtime. */
import { realEnvironment } from '#edge/environment.ts';
import type { ImageCredentials } from '#kubelet/images/pull-credentials.ts';
import { runComponent } from '../component/run.ts';
import { readFile } from '../flags.ts';
import { UserError } from '../user-error.ts';
import { openApi } from './api-access.ts';
import { type Flags, KUBELET } from './flags.ts';
import { loadConfig } from './load.ts';
import { logOptions } from './log-options.ts';
import { untilMachineOrProcessEnds } from './machine-shutdown.ts';
import { nodeAddresses, nodeLabels, nodeName } from './node-identity.ts';
import { servingCertificate } from './serving-certificate.ts';
import { startKubelet } from './start.ts';

/** Runs until SIGTERM or SIGINT. Throws UserError. */
export function runKubelet(args: readonly string[]): Promise<void> {
  return runComponent(KUBELET, args, kubeletProcess);
}

/**
 * Resolves after `signal`; rejects with UserError. Containers run on, unless the machine shuts down
 * and the configuration gives pods time to end.
 */
export async function kubeletProcess(flags: Flags, signal: AbortSignal): Promise<void> {
  const labels = nodeLabels(flags.list('node-labels'));
  const configuration = loadConfig(flags);
  checkMissing(flags);
  const environment = realEnvironment(logOptions(configuration));
  const node = nodeName(flags.text('hostname-override'));
  const ips = nodeAddresses(flags.text('node-ip'), node.name);
  const options = { environment, configuration, node, addresses: ips };
  const api = await openApi(flags, options, signal);
  const { clientCAFile = '' } = configuration.authentication.x509;
  // What the pods do last is told to the API server: its clients outlast `signal`.
  const ending = new AbortController();
  try {
    const kubelet = await startKubelet({
      environment,
      signal: ending.signal,
      configuration,
      node: { ...node, ips, labels },
      handler: api.handler,
      token: api.token,
      serving: {
        ...servingCertificate({
          environment,
          configuration,
          folder: flags.text('cert-dir'),
          name: node.name,
          addresses: ips,
        }),
        clientAuthority: clientCAFile === '' ? undefined : readFile(clientCAFile),
      },
      rootDirectory: flags.text('root-dir'),
      sandboxImage: flags.text('pod-infra-container-image'),
      imageCredentials: imageCredentials(flags),
      // The network is the runtime's: it has its own CNI configuration.
      onPodCidrs: () => Promise.resolve(),
    });
    api.keepCertificates(kubelet, ending.signal);
    environment.log.info('the kubelet is ready', { node: node.name });
    await untilMachineOrProcessEnds(kubelet, signal);
    ending.abort();
    await kubelet.stop();
  } finally {
    ending.abort();
    api.close();
  }
}

/** As upstream: docker's files are looked for where the user who runs this has them, too. */
function imageCredentials(flags: Flags): ImageCredentials {
  const config = flags.text('image-credential-provider-config');
  const programs = flags.text('image-credential-provider-bin-dir');
  return {
    user: { working: process.cwd(), home: process.env['HOME'] },
    ...(config === '' && programs === '' ? {} : { providers: { config, programs } }),
  };
}

/** What may be asked for, and is not there. */
function checkMissing(flags: Flags): void {
  const provider = flags.text('cloud-provider');
  if (provider !== '')
    throw new UserError(
      `Cannot use --cloud-provider=${provider}: kubelet has this value, cox kubelet does not have it yet.`,
    );
  if (flags.text('kubeconfig') === '')
    throw new UserError(
      '--kubeconfig is a required flag: cox kubelet does not run without an API server.',
    );
}
