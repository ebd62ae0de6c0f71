/** Commands of `nft -f -` that more than one table needs. */

import type { ElementChange } from './elements.ts';

export type Family = 'ip' | 'ip6' | 'inet' | 'bridge';

/** A table; a name alone is one of family ip. */
export type TableName = string | { readonly family: Family; readonly name: string };

/** Elements in one `add element` command: keeps lines readable for nft's parser. */
const ELEMENTS_PER_COMMAND_MAX = 2_000;

/** Adds `entries` to a map or a set of `table`, or deletes them. A set's elements have no value. */
export function elementCommands(
  verb: 'add' | 'delete',
  table: TableName,
  map: string,
  entries: readonly (readonly [key: string, value: string])[],
): string[] {
  const commands: string[] = [];
  for (let from = 0; from < entries.length; from += ELEMENTS_PER_COMMAND_MAX) {
    const texts = entries
      .slice(from, from + ELEMENTS_PER_COMMAND_MAX)
      .map(([key, value]) => (value === '' ? key : `${key} : ${value}`));
    commands.push(`${verb} element ${tableText(table)} ${map} { ${texts.join(', ')} }`);
  }
  return commands;
}

/** The deletions and then the additions that `changes` stand for. */
export function changeCommands(table: TableName, changes: readonly ElementChange[]): string[] {
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

function tableText(table: TableName): string {
  return typeof table === 'string' ? `ip ${table}` : `${table.family} ${table.name}`;
}

/** Removes a table; an absent one is no error. */
export function removalScript(family: Family, table: string): string {
  return `table ${family} ${table}\ndelete table ${family} ${table}\n`;
}
