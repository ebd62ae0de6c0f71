/** What an API server refuses is for its user to mend: shown alone, without a stack. */
import { StatusError } from '#api/meta/status.ts';
import { UserError } from './user-error.ts';

/** The same promise, whose StatusErrors are UserErrors. */
export async function explainStatus<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof StatusError) throw new UserError(error.message);
    throw error;
  }
}
