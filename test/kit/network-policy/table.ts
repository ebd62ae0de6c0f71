/** One table of the kernel that `kernel.ts` plays: sets, maps and chains, and what still uses them. */
import assert from 'node:assert/strict';
import type { Packet } from './kernel.ts';
import { referencesOf, ruleVerdict } from './rule.ts';

/** Sorted by names. */
export interface TableDump {
  readonly sets: readonly (readonly [name: string, type: string | undefined, elements: unknown])[];
  readonly chains: readonly (readonly [name: string, rules: unknown])[];
}

export class PolicyTable {
  /** Elements: key to verdict, empty in a set. */
  readonly #sets = new Map<string, Map<string, string>>();
  readonly #types = new Map<string, string>();
  readonly #chains = new Map<string, string[]>();

  declare(body: readonly string[]): void {
    let chain: string[] | undefined;
    for (const line of body.map((each) => each.trim())) {
      const [, name, type] = /^(?:map|set) (\S+) \{ (.*) \}$/.exec(line) ?? [];
      const [, head] = /^chain (\S+) \{$/.exec(line) ?? [];
      if (name !== undefined) this.#addSet(name, type ?? '');
      else if (head !== undefined) this.#chains.set(head, (chain = []));
      else if (line === '}') chain = undefined;
      else {
        assert.ok(chain !== undefined, `out of place: ${line}`);
        chain.push(line);
      }
    }
    // Chains of one table may be declared in any order.
    for (const rule of [...this.#chains.values()].flat()) this.#see(rule);
  }

  /** `add rule` and the like, with the words behind the name of the table. */
  command(verb: string, [name = '', ...words]: readonly string[]): void {
    const tail = words.join(' ');
    switch (verb) {
      case 'add set':
        return this.#addSet(name, tail);
      case 'add chain':
        assert.ok(!this.#chains.has(name), `there is a chain ${name}`);
        this.#chains.set(name, []);
        return;
      case 'add rule':
        this.#see(tail);
        this.#chain(name).push(tail);
        return;
      case 'add element':
        return this.#addElements(name, tail);
      case 'delete element':
        for (const key of elementsOf(tail))
          assert.ok(this.#set(name).delete(key), `no element ${key} in ${name}`);
        return;
      case 'flush chain':
        this.#chain(name).length = 0;
        return;
      case 'delete chain':
        this.#chain(name);
        this.#unused(
          name,
          [...this.#chains].flatMap(([own, rules]) => (own === name ? [] : rules)),
        );
        this.#chains.delete(name);
        return;
      case 'delete set':
        this.#set(name);
        this.#unused(`@${name}`, [...this.#chains.values()].flat());
        this.#sets.delete(name);
        return;
      default:
        assert.fail(`unknown: ${verb}`);
    }
  }

  passes(packet: Packet): boolean {
    for (const [name, [head = '']] of this.#chains) {
      if (head.startsWith('type filter hook forward ') && this.#run(name, packet) === 'drop')
        return false;
    }
    return true;
  }

  dump(): TableDump {
    const sorted = <V>(map: ReadonlyMap<string, V>) =>
      [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return {
      sets: sorted(this.#sets).map(
        ([name, elements]) => [name, this.#types.get(name), sorted(elements)] as const,
      ),
      chains: sorted(this.#chains),
    };
  }

  /** What the chain says; undefined: nothing. */
  #run(name: string, packet: Packet): string | undefined {
    for (const rule of this.#chain(name)) {
      const [word = '', where = ''] = ruleVerdict(rule, packet, this.#sets)?.split(' ') ?? [];
      if (word === 'accept' || word === 'drop') return word;
      if (word === 'goto') return this.#run(where, packet);
      const answer = word === 'jump' ? this.#run(where, packet) : undefined;
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  #addSet(name: string, type: string): void {
    assert.ok(!this.#sets.has(name), `there is a set ${name}`);
    this.#sets.set(name, new Map());
    this.#types.set(name, type);
  }

  #addElements(name: string, text: string): void {
    const set = this.#set(name);
    for (const element of elementsOf(text)) {
      const [key = '', value = ''] = element.split(' : ');
      // Stricter than the kernel, which forgives it to a set: nobody writes what is there.
      assert.ok(!set.has(key), `element ${key} of ${name} is there`);
      const [, chain] = /^goto (.*)$/.exec(value) ?? [];
      if (chain !== undefined) this.#chain(chain);
      set.set(key, value);
    }
  }

  #chain(name: string): string[] {
    const rules = this.#chains.get(name);
    assert.ok(rules !== undefined, `no chain ${name}`);
    return rules;
  }

  #set(name: string): Map<string, string> {
    const set = this.#sets.get(name);
    assert.ok(set !== undefined, `no set ${name}`);
    return set;
  }

  /** What `rule` names is there. */
  #see(rule: string): void {
    for (const name of referencesOf(rule)) {
      if (name.startsWith('@')) this.#set(name.slice(1));
      else this.#chain(name);
    }
  }

  /** Nothing leads to `name`: no rule of `rules`, no element. */
  #unused(name: string, rules: readonly string[]): void {
    for (const rule of rules)
      assert.ok(!referencesOf(rule).includes(name), `${name} is in use: ${rule}`);
    for (const set of this.#sets.values()) {
      for (const value of set.values()) assert.notEqual(value, `goto ${name}`, `${name} is in use`);
    }
  }
}

/** `{ a, b : goto c }` */
function elementsOf(text: string): string[] {
  const [, list] = /^\{ (.*) \}$/.exec(text) ?? [];
  assert.ok(list !== undefined, `no elements: ${text}`);
  return list.split(', ');
}
