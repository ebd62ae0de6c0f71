/** What the flags of `cox apiserver` say of encryption at rest. */
import { ConfigError } from '#api/component-config/error.ts';
import { type EncryptionConfig, readEncryptionConfig } from '#apiserver/encryption/config.ts';
import type { EncryptionOptions } from '#apiserver/encryption/encryption.ts';
import { constant } from '#base/live.ts';
import { openGrpcChannel } from '#edge/grpc.ts';
import { readFile } from '../flags.ts';
import { UserError } from '../user-error.ts';
import type { ConfigFiles } from './config-files.ts';
import type { Flags } from './flags.ts';

const CONFIG = 'encryption-provider-config';
const RELOAD = 'encryption-provider-config-automatic-reload';

/** Nothing where none is configured. Throws UserError. */
export function encryptionOptions(
  flags: Flags,
  files: ConfigFiles,
): { readonly encryption?: EncryptionOptions } {
  const path = flags.text(CONFIG);
  const reloads = flags.isOn(RELOAD);
  if (path === '') {
    if (reloads) throw new UserError(`--${RELOAD} must be set with --${CONFIG}`);
    return {};
  }
  const parse = (text: string): EncryptionConfig => parseConfig(text, path);
  return {
    encryption: {
      config: reloads ? files.follow(path, parse) : constant(parse(readFile(path))),
      keyService: (socketPath) => openGrpcChannel(socketPath),
    },
  };
}

function parseConfig(text: string, path: string): EncryptionConfig {
  if (text === '')
    throw new UserError(`encryption provider configuration file ${JSON.stringify(path)} is empty`);
  try {
    return readEncryptionConfig(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new UserError(`error while parsing file: ${error.message}`, { cause: error });
  }
}
