/** `cox plan`: its arguments. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { durationOf } from '../history-flags.ts';
import { ExitCode } from '../user-error.ts';
import type { PlanFlags } from './command.ts';

const LIMIT_MS = 1_800_000;
const START_MS = 5_000;
const STOP_MS = 2_000;

export function registerPlan(program: Command): void {
  program
    .command('plan')
    .description(
      'Show what a change would do: made on a fork of the cluster, run in virtual time until it rests. The cluster itself is only read. Exit code 2: something would be refused, or not be ready.',
    )
    .option(
      '-f, --filename <FILE>',
      'what would be applied: a file, a folder, or - for stdin; may be given several times',
      (name: string, names: readonly string[] | undefined) => [...(names ?? []), name],
    )
    .option('-R, --recursive', 'folders with all that lies below them')
    .option('--delete', 'delete what the files name instead of applying it')
    .option(
      '--force-conflicts',
      'take over fields that others manage, as kubectl apply does with it',
    )
    .option('--drain <NODE>', 'empty a node, as kubectl drain does')
    .option('-n, --namespace <NAMESPACE>', "of the objects (default: the kubeconfig context's)")
    .addOption(new Option('-o, --output <FORMAT>', 'the whole answer').choices(['json', 'yaml']))
    .addOption(
      new Option('--time-limit <TIME>', 'how long rest is waited for, in virtual time')
        .argParser(durationOf)
        .default(LIMIT_MS, '30m'),
    )
    .addOption(
      new Option('--pod-start <TIME>', 'from a node to ready, where the cluster shows no such pod')
        .argParser(durationOf)
        .default(START_MS, '5s'),
    )
    .addOption(
      new Option('--pod-stop <TIME>', 'how long pods take to stop, within their grace')
        .argParser(durationOf)
        .default(STOP_MS, '2s'),
    )
    .addOption(
      new Option('--seed <N>', 'what is left to chance follows from this number')
        .argParser(seedOf)
        .default(1),
    )
    .option(
      '--kubeconfig <FILE>',
      'the cluster (default: $KUBECONFIG, the one that cox up made, ~/.kube/config)',
    )
    .option('--context <NAME>', "the kubeconfig's context")
    .action(async (flags: PlanFlags) => {
      const [{ planCommand }, { connect }] = await Promise.all([
        import('./command.ts'),
        import('../kube-client.ts'),
      ]);
      const cluster = connect(flags);
      try {
        const { text, exitCode } = await planCommand(flags, cluster);
        // The process ends next: not before a pipe has all of it.
        await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
        if (exitCode !== 0) throw new ExitCode(exitCode);
      } finally {
        cluster.close();
      }
    });
}

function seedOf(text: string): number {
  const seed = Number(text);
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw new InvalidArgumentError('Give a whole number from 0 on.');
}
