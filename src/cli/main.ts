/** The command line: subcommands, flags, and errors that say what to do. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { registerCerts } from './certs/register.ts';
import type { DnsPlace } from './cluster-config.ts';
import { DATA_DIRECTORY_WORDS, defaultDataDirectory } from './data-directory.ts';
import { exampleNames } from './example.ts';
import { registerHistory } from './history/register.ts';
import { addHistoryFlags, type HistoryFlags, historyPolicyOf } from './history-flags.ts';
import { type ListenAddress, LISTEN_DEFAULT, parseListen } from './listen-address.ts';
import { registerJoin } from './join/register.ts';
import { registerNode } from './node-command.ts';
import { registerToken } from './token/register.ts';
import { ExitCode, messageOf, UserError } from './user-error.ts';
import { registerRbac } from './rbac/register.ts';
import { registerPlan } from './plan/register.ts';
import { registerWhy } from './why/register.ts';
import type { VersionFlags } from './version-flags.ts';

interface UpFlags extends HistoryFlags, VersionFlags {
  readonly apiserverArg?: readonly string[];
  readonly dataDir: string;
  readonly listen?: ListenAddress;
  readonly example: string;
  readonly nodes?: number;
  readonly podNetwork?: 'direct' | 'vxlan';
  readonly podNetworkCidr?: string;
  readonly serviceCidr?: string;
  readonly dns?: DnsPlace;
  readonly selfHosted?: boolean;
  readonly simulatedNodes?: number;
  readonly loadBalancerPool?: readonly string[];
  readonly reset?: boolean;
}

const NODES_MAX = 5_000;
/** Each runs a kubelet and a containerd: more than a machine bears, and less than addresses there are. */
const REAL_NODES_MAX = 100;

/** Answers the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  // Files of images, volumes and sockets are read by other users; what is secret says so itself.
  process.umask(0o022);
  // A reader that went away (a closed terminal, `| head`) is no reason to die without a clean-up.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const program = commands();
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError || error instanceof ExitCode) return error.exitCode;
    if (error instanceof UserError || hasExplanation(error))
      process.stderr.write(`${messageOf(error)}\n`);
    else
      process.stderr.write(
        `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      );
    return 1;
  }
}

/** Errors of the store say themselves what to do. */
function hasExplanation(error: unknown): boolean {
  return error instanceof Error && error.name === 'StoreError';
}

/** Each command loads what it runs, and no more: the control plane starts without the kubelet's code. */
function commands(): Command {
  const program = new Command('cox')
    .description('Kubernetes v1.36 in one command.')
    .exitOverride()
    // What stands behind a subcommand is its own.
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: false });
  registerUp(program);
  program
    .command('control-plane')
    .description(
      'Run the API server, the controllers and the scheduler of a cluster that cox up made.',
    )
    .requiredOption('--data-dir <DIR>', 'where the cluster lives')
    .action(async ({ dataDir }: { dataDir: string }) => {
      const { runControlPlane } = await import('./control-plane-process.ts');
      await runControlPlane(dataDir);
    });
  registerNode(program);
  registerJoin(program);
  registerToken(program);
  registerHistory(program);
  registerWhy(program);
  registerPlan(program);
  registerRbac(program);
  registerCerts(program);
  registerComponent(program, 'apiserver', 'API server', async (flags) => {
    const { runApiServer } = await import('./apiserver/command.ts');
    await runApiServer(flags);
  });
  registerComponent(program, 'controller-manager', 'controllers', async (flags) => {
    const { runControllerManager } = await import('./controller-manager/command.ts');
    await runControllerManager(flags);
  });
  registerComponent(program, 'scheduler', 'scheduler', async (flags) => {
    const { runScheduler } = await import('./scheduler/command.ts');
    await runScheduler(flags);
  });
  registerComponent(program, 'kubelet', 'kubelet', async (flags) => {
    const { runKubelet } = await import('./kubelet/command.ts');
    await runKubelet(flags);
  });
  registerComponent(program, 'proxy', 'service proxy of a node', async (flags) => {
    const { runProxy } = await import('./proxy/command.ts');
    await runProxy(flags);
  });
  program
    .command('dns')
    .description('Run the DNS of a cluster alone, on a machine or in a pod.')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .argument('[flags...]', 'cox dns --help names them')
    .action(async (flags: string[]) => {
      const { runDns } = await import('./dns/command.ts');
      await runDns(flags);
    });
  const all = program.commands.flatMap((command) => [command, ...command.commands]);
  for (const command of all) {
    command
      .exitOverride()
      .showSuggestionAfterError()
      .showHelpAfterError('(--help explains all flags.)');
  }
  return program;
}

/** A component alone: its flags are upstream's, and it reads them itself. */
function registerComponent(
  program: Command,
  name: string,
  what: string,
  run: (flags: string[]) => Promise<void>,
): void {
  program
    .command(name)
    .description(
      `Run the ${what} alone, with the flags of upstream's ${name === 'kubelet' ? name : `kube-${name}`}.`,
    )
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .argument('[flags...]', `cox ${name} --help names them`)
    .action(run);
}

function registerUp(program: Command): void {
  const upCommand = program
    .command('up', { isDefault: true })
    .description(
      'Bring a cluster up on this machine, serve an example, and take it down on Ctrl-C.',
    )
    .addOption(
      new Option(
        '--data-dir <DIR>',
        'where the cluster lives; DIR/admin.kubeconfig is the kubeconfig',
      ).default(defaultDataDirectory(process.env), DATA_DIRECTORY_WORDS),
    )
    .option(
      '--listen <ADDR:PORT>',
      `where the API server listens (default: ${LISTEN_DEFAULT.host}:${LISTEN_DEFAULT.port}, or a free port when that is taken)`,
      listenOf,
    )
    .addOption(
      new Option(
        '--example <NAME>',
        'what to run: an example, or none; "npm start" runs the guestbook',
      )
        .choices([...exampleNames(), 'none'])
        .default('none'),
    )
    .option(
      '--nodes <N>',
      'real nodes: the machine itself, the others each in a network namespace of its own (default: as before, or 1)',
      realNodesOf,
    )
    .addOption(
      new Option(
        '--pod-network <MODE>',
        'how packets get to pods of other nodes: by direct routes, or in a tunnel (default: as before, or direct)',
      ).choices(['direct', 'vxlan']),
    )
    .option(
      '--pod-network-cidr <CIDR>',
      'addresses of pods: a range of IPv4, or one of each family between commas (default: as before, or 10.244.0.0/16)',
    )
    .option(
      '--service-cidr <CIDR>',
      'addresses of Services, in the same way; the first family is the main one (default: as before, or 10.96.0.0/16)',
    )
    .option(
      '--load-balancer-pool <POOL>',
      'addresses for Services of type LoadBalancer, by CIDR or range: 192.0.2.8-192.0.2.15, or NAME=...; may come several times; none takes them away (default: as before, or none)',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    )
    .addOption(
      new Option(
        '--dns <WHERE>',
        'who answers names: each node itself, or pods of kube-system as kubeadm has them (default: as before, or node)',
      ).choices(['node', 'pods']),
    )
    .option(
      '--self-hosted',
      'run the API server, the controllers and the scheduler as static pods of the first node, from an image built here',
    )
    .option(
      '--simulated-nodes <N>',
      'nodes whose pods run nowhere but reach Running: needs no root, and no Linux',
      countOf,
    )
    .option('--reset', 'delete the state of this cluster first');
  addHistoryFlags(addServerFlags(upCommand)).action((flags: UpFlags) => startUp(flags));
}

/** What is chosen of the API server. */
function addServerFlags(command: Command): Command {
  return command
    .option('--feature-gates <LIST>', 'features of all components: A=true,B=false')
    .option('--runtime-config <LIST>', 'versions to serve: group/version=true,api/beta=false')
    .option(
      '--apiserver-arg <NAME=VALUE>',
      'a flag of cox apiserver: audit-policy-file=policy.yaml; may come several times; none takes them away (default: as before, or none)',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    );
}

async function startUp(flags: UpFlags): Promise<void> {
  const [script = ''] = process.argv.slice(1);
  const [{ up }, { versionChoices }, { poolTexts }] = await Promise.all([
    import('./up.ts'),
    import('./version-flags.ts'),
    import('./load-balancer.ts'),
  ]);
  await up({
    dataDirectory: flags.dataDir,
    example: flags.example,
    reset: flags.reset === true,
    selfHosted: flags.selfHosted === true,
    history: historyPolicyOf(flags),
    versions: versionChoices(flags),
    ranges: flags,
    self: { command: process.execPath, args: [script] },
    ...(flags.listen === undefined ? {} : { listen: flags.listen }),
    ...(flags.nodes === undefined ? {} : { realNodes: flags.nodes }),
    ...(flags.podNetwork === undefined ? {} : { podNetwork: flags.podNetwork }),
    ...(flags.dns === undefined ? {} : { dns: flags.dns }),
    ...(flags.apiserverArg === undefined
      ? {}
      : { apiServerArguments: await argumentsOf(flags.apiserverArg) }),
    ...(flags.loadBalancerPool === undefined
      ? {}
      : { loadBalancerPools: poolTexts(flags.loadBalancerPool) }),
    ...(flags.simulatedNodes === undefined ? {} : { simulatedNodes: flags.simulatedNodes }),
  });
}

async function argumentsOf(texts: readonly string[]): Promise<readonly string[]> {
  const [{ argumentsGiven }, { realEnvironment }] = await Promise.all([
    import('./apiserver-arguments.ts'),
    import('#edge/environment.ts'),
  ]);
  return argumentsGiven(texts, realEnvironment());
}

function listenOf(text: string): ListenAddress {
  try {
    return parseListen(text);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > NODES_MAX)
    throw new InvalidArgumentError(`Give a number from 1 to ${NODES_MAX}.`);
  return count;
}

function realNodesOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > REAL_NODES_MAX)
    throw new InvalidArgumentError(`Give a number from 1 to ${REAL_NODES_MAX}.`);
  return count;
}
