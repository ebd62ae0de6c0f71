/**
 * An error that the user can mend: its message says what is wrong and what to do, and is shown
 * alone, without a stack.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** Ends the process with a code that means something, once all has been said. */
export class ExitCode extends Error {
  override readonly name = 'ExitCode';
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** The platform's error code (`EADDRINUSE`), when `error` has one. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** One line about anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
