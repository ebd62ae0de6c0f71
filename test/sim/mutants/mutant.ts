/** A fault that a controller had once, put into ours: the simulation has to find it. */

export interface Edit {
  readonly file: string;
  /** Stands in `file` exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface Mutant extends Edit {
  /** `deployment-stuck-when-scaled` */
  readonly name: string;
  /** Where the fault was reported: `kubernetes/kubernetes#105200`. */
  readonly report: string;
  /** What went wrong, in a sentence of our own. */
  readonly about: string;
  /** Which casts of the simulation look for it. */
  readonly casts: readonly string[];
  /** Where one guard alone would still do, the others go too. */
  readonly also?: readonly Edit[];
}
