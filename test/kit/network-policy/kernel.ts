/**
 * A kernel that reads scripts of nft: keeps the tables that they make, as strict as the real one is
 * about what is not there and what is still in use, and says what they do to the first packet of a
 * connection. Of the language it knows what network policies are written in, and refuses the rest.
 */
import assert from 'node:assert/strict';
import type { Processes, ProcessResult } from '#base/doors.ts';
import { PolicyTable, type TableDump } from './table.ts';

export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly port: number;
  /** Names of the interfaces that it comes in and goes out by; `br0` is that of pods of the node. */
  readonly into: string;
  readonly out: string;
}

export class PolicyKernel implements Processes {
  readonly #tables = new Map<string, PolicyTable>();
  readonly scripts: string[] = [];
  /** So many scripts to come are refused. */
  refusals = 0;

  run(
    _command: string,
    _args: readonly string[],
    options: { input?: Uint8Array | string } = {},
  ): Promise<ProcessResult> {
    const none = new Uint8Array(0);
    const script = String(options.input);
    this.scripts.push(script);
    if (this.refusals > 0) {
      this.refusals--;
      return Promise.resolve({ exitCode: 1, stdout: none, stderr: Buffer.from('netlink: busy') });
    }
    // What is asked of a bridge is for the real kernel alone.
    if (!script.startsWith('table bridge ')) this.read(script);
    return Promise.resolve({ exitCode: 0, stdout: none, stderr: none });
  }

  read(script: string): void {
    const lines = script.split('\n');
    for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
      if (line !== '') this.#command(line, lines);
    }
  }

  /** Whether every table lets the first packet of a connection pass its forward hook. */
  passes(packet: Packet): boolean {
    return [...this.#tables.values()].every((table) => table.passes(packet));
  }

  /** All that is in the tables, in an order of its own. */
  /** Sorted by families and names. */
  dump(): [id: string, table: TableDump][] {
    return [...this.#tables]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, table]) => [id, table.dump()]);
  }

  /** `following`: the lines after it, of which it takes those of its own. */
  #command(line: string, following: string[]): void {
    const [, id = '', bracket] = /^table (\S+ \S+)( \{)?$/.exec(line) ?? [];
    if (id !== '') {
      const table = this.#tables.get(id) ?? new PolicyTable();
      this.#tables.set(id, table);
      if (bracket !== undefined) table.declare(bodyOf(following));
      return;
    }
    const [, gone] = /^delete table (\S+ \S+)$/.exec(line) ?? [];
    if (gone !== undefined) {
      assert.ok(this.#tables.delete(gone), `no table: ${line}`);
      return;
    }
    const [verb = '', what = '', family = '', name = '', ...rest] = line.split(' ');
    const table = this.#tables.get(`${family} ${name}`);
    assert.ok(table !== undefined, `no table: ${line}`);
    table.command(`${verb} ${what}`, rest);
  }
}

/** Takes the lines up to the bracket that closes the table. */
function bodyOf(lines: string[]): string[] {
  const end = lines.indexOf('}');
  assert.notEqual(end, -1, 'a table has no end');
  return lines.splice(0, end + 1).slice(0, -1);
}
