/** What the flags of `cox apiserver` say of encryption at rest. */
import { readFile } from 'node:fs/promises';
import type { EncryptionOptions } from '#apiserver/encryption/encryption.ts';
import { openGrpcChannel } from '#edge/grpc.ts';
import { UserError } from '../user-error.ts';
import type { Flags } from './flags.ts';

const CONFIG = 'encryption-provider-config';
const RELOAD = 'encryption-provider-config-automatic-reload';

/** Nothing where none is configured. Throws UserError. */
export function encryptionOptions(flags: Flags): { readonly encryption?: EncryptionOptions } {
  const path = flags.text(CONFIG);
  const reloads = flags.isOn(RELOAD);
  if (path === '') {
    if (reloads) throw new UserError(`--${RELOAD} must be set with --${CONFIG}`);
    return {};
  }
  return {
    encryption: {
      read: async () => {
        const text = await readFile(path, 'utf8');
        if (text === '')
          throw new UserError(
            `encryption provider configuration file ${JSON.stringify(path)} is empty`,
          );
        return text;
      },
      reloads,
      keyService: (socketPath) => openGrpcChannel(socketPath),
    },
  };
}
