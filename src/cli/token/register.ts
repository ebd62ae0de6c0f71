/** `cox token`: its subcommands and flags, which are kubeadm's. */
import { type Command, Option } from 'commander';
import type { ClusterFlags } from '../kube-client.ts';
import type { CreateFlags } from './command.ts';

const KUBECONFIG_WORDS =
  'the cluster (default: $KUBECONFIG, the one that cox up made, ~/.kube/config)';
const NODE_GROUP = 'system:bootstrappers:kubeadm:default-node-token';

export function registerToken(program: Command): void {
  const token = program
    .command('token')
    .description('Bootstrap tokens: what machines join the cluster by.');
  withCluster(token.command('create'))
    .description('Create a token, and print it.')
    .argument('[TOKEN]', 'made of random numbers unless given')
    .addOption(
      new Option('--ttl <DURATION>', 'until it ends (1s, 2m, 3h); 0: never').default('24h0m0s'),
    )
    .addOption(
      new Option('--usages <LIST>', 'what it is for')
        .argParser(listOf)
        .default(['signing', 'authentication'], 'signing,authentication'),
    )
    .addOption(
      new Option('--groups <LIST>', 'further groups of who shows it')
        .argParser(listOf)
        .default([NODE_GROUP], NODE_GROUP),
    )
    .option('--description <TEXT>', 'for people', '')
    .option('--print-join-command', 'print the command to join by instead of the token')
    .action(async (text: string | undefined, flags: CreateFlags & ClusterFlags) => {
      await withClient(flags, async (command, parts) => command.createToken(text, flags, parts));
    });
  withCluster(token.command('list'))
    .description('List the tokens.')
    .action(async (flags: ClusterFlags) => {
      await withClient(flags, async (command, parts) => command.listTokens(parts));
    });
  withCluster(token.command('delete'))
    .description('Delete tokens. Nodes that joined by them stay.')
    .argument('<token...>', 'ids, or whole tokens')
    .action(async (texts: string[], flags: ClusterFlags) => {
      await withClient(flags, async (command, parts) => command.deleteTokens(texts, parts));
    });
  token
    .command('generate')
    .description('Print a random token. Nothing is created.')
    .action(async () => {
      const [{ generateToken }, { realEnvironment }] = await Promise.all([
        import('./command.ts'),
        import('#edge/environment.ts'),
      ]);
      process.stdout.write(generateToken(realEnvironment().random));
    });
}

/** Parts between commas; none of an empty text. */
function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function withCluster(command: Command): Command {
  return command
    .option('--kubeconfig <FILE>', KUBECONFIG_WORDS)
    .option('--context <NAME>', "the kubeconfig's context");
}

type Module = typeof import('./command.ts');

async function withClient(
  flags: ClusterFlags,
  work: (command: Module, parts: Parameters<Module['listTokens']>[0]) => Promise<string>,
): Promise<void> {
  const [command, { connect }, { realEnvironment }, { explainStatus }] = await Promise.all([
    import('./command.ts'),
    import('../kube-client.ts'),
    import('#edge/environment.ts'),
    import('../explain-status.ts'),
  ]);
  const cluster = connect(flags);
  try {
    const environment = realEnvironment({ logLevel: 'warn' });
    const text = await explainStatus(work(command, { client: cluster.client, environment }));
    // The process ends next: not before a pipe has all of it.
    await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
  } finally {
    cluster.close();
  }
}
