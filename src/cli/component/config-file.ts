/** What components with a configuration file share. */
import { writeFileSync } from 'node:fs';
import { toYaml } from '#api/codec/yaml.ts';
import type { Flags } from '../flags.ts';
import { messageOf, UserError } from '../user-error.ts';

/** For `--write-config-to`. Throws UserError. */
export function writeConfig(path: string, config: object): void {
  try {
    writeFileSync(path, toYaml(config));
  } catch (error) {
    throw new UserError(`Cannot write ${path}: ${messageOf(error)}`);
  }
}

/** Throws UserError in the words of upstream for the place where it is missing. */
export function requiredKubeconfig(
  flags: Flags<'config'>,
  config: { readonly clientConnection: { readonly kubeconfig: string } },
): string {
  const { kubeconfig } = config.clientConnection;
  if (kubeconfig !== '') return kubeconfig;
  throw new UserError(
    flags.text('config') === ''
      ? '--kubeconfig is a required flag'
      : 'clientConnection.kubeconfig: Required value',
  );
}
