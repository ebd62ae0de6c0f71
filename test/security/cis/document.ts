/** docs/cis.md, made of the table. `node test/security/cis/document.ts` writes it. */
import { writeFileSync } from 'node:fs';
import { type Entry, ENTRIES, SECTIONS } from './table.ts';

export const DOCUMENT = new URL('../../../docs/cis.md', import.meta.url);

const kindOf = ({ isAutomated, applies }: Entry): string =>
  `${isAutomated ? 'automated' : 'manual'}${applies ? '' : ', does not apply'}`;

/** The whole text. */
export function document(): string {
  const automated = ENTRIES.filter(({ isAutomated }) => isAutomated);
  const applying = automated.filter(({ applies }) => applies);
  const head = [
    '# CIS Kubernetes Benchmark v1.11',
    '',
    `What a cluster of \`cox up\` is, with its defaults, check by check. Of ${ENTRIES.length} checks ${automated.length} are automated; ${applying.length} of these apply, and a test makes a cluster and holds each of them (\`test/security/cis/\`, of whose table this text is made). \`DIR\` is the data directory. The titles are our own words.`,
  ];
  const sections = SECTIONS.flatMap(({ title, entries }) => [
    '',
    `## ${title}`,
    '',
    '| check | | kind | here |',
    '|---|---|---|---|',
    ...entries.map((entry) => `| ${entry.id} | ${entry.title} | ${kindOf(entry)} | ${entry.how} |`),
  ]);
  return `${[...head, ...sections].join('\n')}\n`;
}

if (import.meta.main) writeFileSync(DOCUMENT, document());
