/** `cox certs`: its subcommands and flags. */
import { type Command, Option } from 'commander';
import { DATA_DIRECTORY_WORDS, defaultDataDirectory } from '../data-directory.ts';
import { ExitCode } from '../user-error.ts';
import type { CheckFlags, RotateFlags } from './command.ts';

export function registerCerts(program: Command): void {
  const certs = program
    .command('certs')
    .description('The certificates of a cluster that cox up made.');
  withData(certs.command('check'))
    .description('Say when certificates expire, and which do not fit together (exit code 1).')
    .addOption(new Option('-o, --output <FORMAT>', 'the whole answer').choices(['json', 'yaml']))
    .action(async (flags: CheckFlags) => {
      const [{ checkCertificates }, { realEnvironment }] = await load();
      const { text, hasProblem } = checkCertificates(flags, realEnvironment().clock.now());
      // The process ends next: not before a pipe has all of it.
      await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
      if (hasProblem) throw new ExitCode(1);
    });
  withData(certs.command('rotate'))
    .description(
      'Make all certificates anew, or the authority or the service-account key; containers go on.',
    )
    .option('--authority', 'a new authority: all come to trust it, then it signs')
    .option('--prepare', 'with --authority: all come to trust it, and no more')
    .option('--service-account-key', 'a new key for the tokens of service accounts')
    .option('--finish', 'with one of these: the old one is trusted no more')
    .action(async (flags: RotateFlags) => {
      const [{ rotateCertificates }, { realEnvironment }] = await load();
      await rotateCertificates(flags, {
        environment: realEnvironment({ logLevel: 'warn' }),
        say: (line) => void process.stdout.write(`${line}\n`),
      });
    });
}

function load() {
  return Promise.all([import('./command.ts'), import('#edge/environment.ts')]);
}

function withData(command: Command): Command {
  return command.addOption(
    new Option('--data-dir <DIR>', 'where the cluster lives').default(
      defaultDataDirectory(process.env),
      DATA_DIRECTORY_WORDS,
    ),
  );
}
