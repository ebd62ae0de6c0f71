/** `cox node`: runs the process of a node; its subcommands empty one, and take one away. */
import { type Command, Option } from 'commander';
import { defaultNodeDirectory, NODE_DIRECTORY_WORDS } from './data-directory.ts';
import type { DrainFlags } from './drain/command.ts';
import type { ClusterFlags } from './kube-client.ts';
import type { ResetFlags } from './reset/reset.ts';

const KUBECONFIG_WORDS =
  'the cluster (default: $KUBECONFIG, the one that cox up made, ~/.kube/config)';

export function registerNode(program: Command): void {
  const node = program
    .command('node')
    // What stands behind a subcommand is its own.
    .enablePositionalOptions()
    .description(
      'Run the kubelet, the service proxy, network policies, routes and the DNS of a node that cox up or cox join set up.',
    )
    .option('--data-dir <DIR>', 'where the node lives')
    .action(async ({ dataDir }: { dataDir?: string }, command: Command) => {
      if (dataDir === undefined)
        return command.error("error: required option '--data-dir <DIR>' not specified");
      const { runNode } = await import('./node-process.ts');
      await runNode(dataDir);
    });
  registerDrain(node);
  registerReset(node);
}

function registerDrain(node: Command): void {
  node
    .command('drain')
    .description('Cordon a node and evict its pods, as far as disruption budgets let them go.')
    .argument('<NAME>', 'of the node')
    .option('--ignore-daemonsets', 'leave the pods of DaemonSets')
    .option('--delete-emptydir-data', 'evict pods too whose local data goes with them')
    .option('--force', 'evict pods too that no controller makes anew')
    .option(
      '--grace-period <SECONDS>',
      "how long pods may take to end; negative: each pod's own",
      Number,
      -1,
    )
    .option('--timeout <DURATION>', 'how long to try (1s, 2m, 3h); 0: without an end', '0s')
    .option('--kubeconfig <FILE>', KUBECONFIG_WORDS)
    .option('--context <NAME>', "the kubeconfig's context")
    .action(async (name: string, flags: DrainFlags & ClusterFlags) => {
      const [{ drain }, { connect }, { realEnvironment }, { explainStatus }] = await Promise.all([
        import('./drain/command.ts'),
        import('./kube-client.ts'),
        import('#edge/environment.ts'),
        import('./explain-status.ts'),
      ]);
      const cluster = connect(flags);
      try {
        const say = (line: string): void => void process.stdout.write(`${line}\n`);
        const environment = realEnvironment({ logLevel: 'warn' });
        await explainStatus(drain(name, flags, { client: cluster.client, environment, say }));
      } finally {
        cluster.close();
      }
    });
}

function registerReset(node: Command): void {
  node
    .command('reset')
    .description('Take away what a joined node left on this machine, and forget its cluster.')
    .addOption(
      new Option('--data-dir <DIR>', 'where the node lives').default(
        defaultNodeDirectory(process.env),
        NODE_DIRECTORY_WORDS,
      ),
    )
    .option('--delete-node', 'delete its Node object too, with the rights of the kubeconfig')
    .option('--kubeconfig <FILE>', KUBECONFIG_WORDS)
    .option('--context <NAME>', "the kubeconfig's context")
    .action(async (flags: ResetFlags) => {
      const { resetNode } = await import('./reset/reset.ts');
      await resetNode(flags);
    });
}
