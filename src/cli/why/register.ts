/** `cox why`: its arguments. */
import { type Command, Option } from 'commander';
import type { WhyFlags } from './command.ts';

export function registerWhy(program: Command): void {
  program
    .command('why')
    .description(
      'Say why a pod is pending, not ready or still there, why a workload lacks pods, why a namespace does not go away, or what admission webhooks cost and refuse.',
    )
    .argument('<object...>', 'pod NAME, deployment NAME, namespace NAME, pod/NAME, or webhooks')
    .option('-n, --namespace <NAMESPACE>', "its namespace (default: the kubeconfig context's)")
    .addOption(new Option('-o, --output <FORMAT>', 'the whole answer').choices(['json', 'yaml']))
    .option(
      '--kubeconfig <FILE>',
      'the cluster (default: $KUBECONFIG, the one that cox up made, ~/.kube/config)',
    )
    .option('--context <NAME>', "the kubeconfig's context")
    .action(async (words: string[], flags: WhyFlags) => {
      const [{ why }, { connect }] = await Promise.all([
        import('./command.ts'),
        import('../kube-client.ts'),
      ]);
      const cluster = connect(flags);
      try {
        const text = await why(words, flags, cluster);
        // The process ends next: not before a pipe has all of it.
        await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
      } finally {
        cluster.close();
      }
    });
}
