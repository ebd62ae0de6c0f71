/** The second corpus: who may do what, and what admission makes of it. */
import { createHash } from 'node:crypto';
import type { Corpus } from '../corpus.ts';
import { defaultsArea } from './defaults.ts';
import { nodeMatrix } from './node-cases.ts';
import { podSecurityArea } from './pod-security.ts';
import { rbacQuestions } from './rbac-questions.ts';
import { rbacWorlds } from './rbac-world.ts';
import { impersonationCases, rbacWrites, reasonCases } from './rbac-writes.ts';
import type { Area } from './requests.ts';

const VERSION_LENGTH = 16;

/** `only`: words of which a case's kind or id must have one; empty for all. */
export function accessCorpus({
  only,
  seed,
}: {
  readonly only: readonly string[];
  readonly seed: number;
}): Corpus {
  const areas = [rbacArea(seed), nodeMatrix(), podSecurityArea(seed), defaultsArea(seed)];
  return {
    setUp: [],
    creates: [],
    stored: areas.flatMap(({ stored }) => stored),
    others: areas
      .flatMap(({ cases }) => cases)
      .filter(
        ({ kind, id }) =>
          only.length === 0 ||
          only.some((word) => kind.toLowerCase().includes(word) || id.toLowerCase().includes(word)),
      ),
  };
}

function rbacArea(seed: number): Area {
  const worlds = rbacWorlds(seed);
  const writes = rbacWrites(worlds, seed);
  return {
    stored: [...worlds.flatMap(({ stored }) => stored), ...writes.stored],
    cases: [
      ...rbacQuestions(worlds, seed),
      ...writes.cases,
      ...reasonCases(),
      ...impersonationCases(),
    ],
  };
}

/** Names what is asked and of what world, with a word of SHA-256. */
export function accessVersion(seed: number): string {
  const { stored, others } = accessCorpus({ only: [], seed });
  return createHash('sha256')
    .update(JSON.stringify([stored, others]))
    .digest('hex')
    .slice(0, VERSION_LENGTH);
}
