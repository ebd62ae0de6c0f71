/** `cox join`: its flags. */
import { type Command, Option } from 'commander';
import { defaultNodeDirectory, NODE_DIRECTORY_WORDS } from '../data-directory.ts';
import type { JoinFlags } from './options.ts';

export function registerJoin(program: Command): void {
  program
    .command('join')
    .description(
      'Make this machine a node of a cluster, and run it until Ctrl-C; later without a token.',
    )
    .argument('[HOST:PORT]', 'where the API server of the cluster listens')
    .option('--token <TOKEN>', 'for discovery and for asking for the certificate of the node')
    .option('--discovery-token <TOKEN>', 'for discovery alone')
    .option('--tls-bootstrap-token <TOKEN>', 'for asking for the certificate alone')
    .option(
      '--discovery-token-ca-cert-hash <HASH>',
      'sha256:… of the public key of the cluster’s authority; may be given several times',
      // Not one flag with several values: it would take HOST:PORT for one of them.
      (hash: string, before: string[] | undefined): string[] | undefined => [
        ...(before ?? []),
        hash,
      ],
    )
    .option('--discovery-token-unsafe-skip-ca-verification', 'believe whoever knows the token')
    .option(
      '--discovery-file <FILE>',
      'a kubeconfig that names the cluster and its authority, in place of HOST:PORT',
    )
    .option('--node-name <NAME>', "the node's name (default: this machine's)")
    .option(
      '--node-ip <ADDRESS>',
      "where others reach the node, two with a comma between for IPv4 and IPv6 (default: this machine's towards the API server, and beside it)",
    )
    .option(
      '--config-dir <DIR>',
      'a folder of drop-ins (*.conf) that change the KubeletConfiguration of the cluster on this node, in order of their names',
    )
    .addOption(
      new Option('--data-dir <DIR>', 'where the node lives').default(
        defaultNodeDirectory(process.env),
        NODE_DIRECTORY_WORDS,
      ),
    )
    .action(async (endpoint: string | undefined, flags: JoinFlags) => {
      const [script = ''] = process.argv.slice(1);
      const { join } = await import('./join.ts');
      await join({ endpoint, flags, self: { command: process.execPath, args: [script] } });
    });
}
