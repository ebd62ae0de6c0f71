/** A fault that a controller had once, put into ours: the simulation has to find it. */

export interface Mutant {
  /** `deployment-stuck-when-scaled` */
  readonly name: string;
  /** Where the fault was reported: `kubernetes/kubernetes#105200`. */
  readonly report: string;
  /** What went wrong, in a sentence of our own. */
  readonly about: string;
  /** Which casts of the simulation look for it. */
  readonly casts: readonly string[];
  readonly file: string;
  /** Stands in `file` exactly once. */
  readonly find: string;
  readonly replace: string;
}
