/** The two corpora that there are, and how each is asked. */
import { comparable } from './access/answers.ts';
import { accessCorpus, accessVersion } from './access/corpus.ts';
import { type Corpus, corpusOf, corpusVersion } from './corpus.ts';
import type { Case, Subject } from './model.ts';

export interface Suite {
  /** Names what is asked. */
  version(seed: number): string;
  corpus(options: { readonly only: readonly string[]; readonly seed: number }): Corpus;
  /** A server whose answers can be compared. */
  prepare(subject: Subject): Subject;
  /** Of cases like this one, one in so many is in the sample beside the tests. */
  sampleOneIn(entry: Case): number;
}

/** Every kind, its fields and its verbs, by the administrator. */
export const OBJECTS: Suite = {
  version: corpusVersion,
  corpus: corpusOf,
  prepare: (subject) => subject,
  sampleOneIn: () => 16,
};

/** Who may do what, and what admission makes of it. */
export const ACCESS: Suite = {
  version: accessVersion,
  corpus: accessCorpus,
  prepare: comparable,
  // A cell of a matrix stands for itself alone; of generated cases many are about the same.
  sampleOneIn: ({ id, kind }) => {
    if (id.startsWith('node n1:')) return 1;
    return kind === 'rbac/writes' ? 2 : 8;
  },
};
