/** Nothing came of a mutation of a policy: failurePolicy decides. */
export class MutationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MutationError';
  }
}
