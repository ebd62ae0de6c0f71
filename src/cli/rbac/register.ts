/** `cox rbac`: its arguments. */
import type { Command } from 'commander';
import type { ClusterClient, ClusterFlags } from '../kube-client.ts';
import { ExitCode } from '../user-error.ts';
import type { AccessFlags, Answer } from './command.ts';
import type { LeastFlags } from './least.ts';

const NAMESPACE = "the namespace (default: the kubeconfig context's)";

export function registerRbac(program: Command): void {
  const rbac = program
    .command('rbac')
    .description('Say who may do what, and why, and what somebody needs at least.');
  withCluster(
    rbac
      .command('why')
      .description(
        'Say which binding allows something, and which nearly does; exit code 1 where none does.',
      )
      .argument('<verb>', 'get, list, create, …')
      .argument('<what>', 'pods, deployments.apps, pods/log, or a path: /metrics')
      .argument('[name]', 'one object')
      .option('--as <USER>', 'about this user (default: who asks)')
      .option('--as-group <GROUP>', 'of this group; may come several times', collect)
      .option('-n, --namespace <NAMESPACE>', NAMESPACE)
      .option('-A, --all-namespaces', 'in the whole cluster'),
  ).action(async (verb: string, what: string, name: string | undefined, flags: AccessFlags) => {
    const { rbacWhy } = await import('./command.ts');
    await answer(flags, (cluster) => rbacWhy({ verb, what, name }, flags, cluster));
  });
  withCluster(
    rbac
      .command('who-can')
      .description('Say who may do something, and by which binding.')
      .argument('<verb>', 'get, list, create, …')
      .argument('<what>', 'pods, deployments.apps, pods/log, or a path: /metrics')
      .argument('[name]', 'one object')
      .option('-n, --namespace <NAMESPACE>', NAMESPACE)
      .option('-A, --all-namespaces', 'in the whole cluster'),
  ).action(async (verb: string, what: string, name: string | undefined, flags: AccessFlags) => {
    const { rbacWhoCan } = await import('./command.ts');
    await answer(flags, (cluster) => rbacWhoCan({ verb, what, name }, flags, cluster));
  });
  rbac
    .command('least')
    .description(
      "Write the least roles for what somebody really did, from an API server's audit log.",
    )
    .argument('<user>', 'as the log has it: jane, system:serviceaccount:shop:web')
    .requiredOption('--audit-log <FILE>', 'of JSON lines; may come several times', collect)
    .option('--name <NAME>', 'of the roles and bindings (default: after the user)')
    .option('--by-name', 'name the objects, where all requests did')
    .action(async (user: string, flags: LeastFlags) => {
      const { rbacLeast } = await import('./least.ts');
      await print(await rbacLeast(user, flags));
    });
}

function withCluster(command: Command): Command {
  return command
    .option(
      '--kubeconfig <FILE>',
      'the cluster (default: $KUBECONFIG, the one that cox up made, ~/.kube/config)',
    )
    .option('--context <NAME>', "the kubeconfig's context");
}

function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

async function answer(
  flags: ClusterFlags,
  ask: (cluster: ClusterClient) => Promise<Answer>,
): Promise<void> {
  const { connect } = await import('../kube-client.ts');
  const cluster = connect(flags);
  let isYes: boolean;
  try {
    const { text, yes } = await ask(cluster);
    isYes = yes;
    await print(text);
  } finally {
    cluster.close();
  }
  if (!isYes) throw new ExitCode(1);
}

/** The process ends next: not before a pipe has all of it. */
async function print(text: string): Promise<void> {
  await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
}
