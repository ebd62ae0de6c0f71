/** The report of a run: the table by SIG, and the first line of each failure and skip. */
import { readFileSync } from 'node:fs';
import { say } from './command.ts';
import type { Folders } from './folders.ts';
import type { SpecResult } from './junit.ts';
import { renderAll, renderTable } from './table.ts';

export function showReport(results: readonly SpecResult[], folders: Folders): void {
  const names = readFileSync(folders.specs, 'utf8').split('\n').filter(Boolean);
  say(`\n${renderTable(names, results)}\n`);
  for (const line of renderAll(results, 'fail', 'FAIL')) say(line);
  for (const line of renderAll(results, 'skip', 'SKIP')) say(line);
}
