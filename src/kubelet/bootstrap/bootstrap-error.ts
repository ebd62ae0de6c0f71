/** Why a machine cannot join, in words for who asked it to: trying again as it is will not help. */
export class BootstrapError extends Error {
  override readonly name = 'BootstrapError';
}
