/** Commands of `nft -f -` that more than one table needs. */

import type { ElementChange } from './elements.ts';

export type Family = 'ip' | 'inet' | 'bridge';

/** Elements in one `add element` command: keeps lines readable for nft's parser. */
const ELEMENTS_PER_COMMAND_MAX = 2_000;

/**
 * Adds `entries` to a map or a set of `table`, or deletes them. A set's elements have no value.
 * `table` is one of family ip unless its family stands before its name: `inet t`.
 */
export function elementCommands(
  verb: 'add' | 'delete',
  table: string,
  map: string,
  entries: readonly (readonly [key: string, value: string])[],
): string[] {
  const commands: string[] = [];
  for (let from = 0; from < entries.length; from += ELEMENTS_PER_COMMAND_MAX) {
    const texts = entries
      .slice(from, from + ELEMENTS_PER_COMMAND_MAX)
      .map(([key, value]) => (value === '' ? key : `${key} : ${value}`));
    commands.push(`${verb} element ${withFamily(table)} ${map} { ${texts.join(', ')} }`);
  }
  return commands;
}

/** The deletions and then the additions that `changes` stand for. */
export function changeCommands(table: string, changes: readonly ElementChange[]): string[] {
  const byMap = [...Map.groupBy(changes, (change) => change.map)];
  const deletions = byMap.flatMap(([map, own]) => {
    const gone = own.filter(({ before }) => before !== undefined);
    return elementCommands(
      'delete',
      table,
      map,
      gone.map(({ key }) => [key, '']),
    );
  });
  const additions = byMap.flatMap(([map, own]) => {
    const there = own.flatMap(({ key, after }): [string, string][] =>
      after === undefined ? [] : [[key, after]],
    );
    return elementCommands('add', table, map, there);
  });
  return [...deletions, ...additions];
}

function withFamily(table: string): string {
  return table.includes(' ') ? table : `ip ${table}`;
}

/** Removes a table; an absent one is no error. */
export function removalScript(family: Family, table: string): string {
  return `table ${family} ${table}\ndelete table ${family} ${table}\n`;
}
