/** The commands of the history and their flags; each loads what it runs when it runs. */
import { type Command, Option } from 'commander';
import type { ClusterClient } from '../kube-client.ts';
import type { DiffFlags, HistoryCommandFlags, ObjectFlags, UndeleteFlags } from './commands.ts';

const MOMENT = 'a revision, a time (2026-01-31T12:00:00Z), or how long ago (90m, 2d)';

export function registerHistory(program: Command): void {
  objectCommand(program, 'history', 'Show who changed which field of an object when.')
    .option('--field <PATH>', 'only changes of this field: spec.replicas')
    .option('--limit <N>', 'at most so many revisions (default: 100)')
    .option('--before <REVISION>', 'only what came before')
    .action(print<HistoryCommandFlags>((module) => module.history));
  objectCommand(program, 'diff', 'Show which fields of an object differ between two revisions.')
    .requiredOption('--from <WHEN>', MOMENT)
    .option('--to <WHEN>', `the same; now unless given`)
    .option('--field <PATH>', 'only this field: spec.template')
    .action(print<DiffFlags>((module) => module.diff));
  objectCommand(program, 'undelete', 'Make a deleted object anew from its last state.')
    .option('--revision <WHEN>', `from the state then: ${MOMENT}`)
    .option('--dry-run', 'only show whether it would be possible')
    .action(print<UndeleteFlags>((module) => module.undelete));
}

function objectCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .argument('<object...>', 'KIND NAME, or KIND/NAME')
    .option('-n, --namespace <NAMESPACE>', "its namespace (default: the kubeconfig context's)")
    .addOption(new Option('-o, --output <FORMAT>', 'whole answers').choices(['json', 'yaml']))
    .option(
      '--kubeconfig <FILE>',
      'the cluster (default: $KUBECONFIG, the one that cox up made, ~/.kube/config)',
    )
    .option('--context <NAME>', "the kubeconfig's context");
}

type Commands = typeof import('./commands.ts');

function print<F extends ObjectFlags>(
  pick: (
    module: Commands,
  ) => (words: readonly string[], flags: F, cluster: ClusterClient) => Promise<string>,
): (words: string[], flags: F) => Promise<void> {
  return async (words, flags) => {
    const [commands, { connect }] = await Promise.all([
      import('./commands.ts'),
      import('../kube-client.ts'),
    ]);
    const cluster = connect(flags);
    try {
      const text = await pick(commands)(words, flags, cluster);
      // The process ends next: not before a pipe has all of it.
      await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
    } finally {
      cluster.close();
    }
  };
}
