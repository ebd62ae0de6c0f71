/** One rule of the kernel that `kernel.ts` plays: whether a packet meets it, and what it then says. */
import assert from 'node:assert/strict';
import { parseIp } from '#base/ip.ts';
import type { Packet } from './kernel.ts';

export type NamedSets = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** What a packet is asked for; undefined: it has no such thing, and the rule does not match. */
const FIELDS: Readonly<Record<string, (packet: Packet) => string | undefined>> = {
  'ip saddr': ({ from }) => (from.includes(':') ? undefined : from),
  'ip daddr': ({ to }) => (to.includes(':') ? undefined : to),
  'ip6 saddr': ({ from }) => (from.includes(':') ? from : undefined),
  'ip6 daddr': ({ to }) => (to.includes(':') ? to : undefined),
  'meta l4proto': ({ protocol }) => protocol,
  'th dport': ({ port }) => String(port),
  // Packets are those of TCP, UDP and SCTP, and the first of their connections.
  'ct state': () => 'new',
  'icmpv6 type': () => undefined,
  'meta nfproto': ({ from }) => (from.includes(':') ? 'ipv6' : 'ipv4'),
  iifname: ({ into }) => JSON.stringify(into),
  oifname: ({ out }) => JSON.stringify(out),
  'ip6 hoplimit': ({ from }) => (from.includes(':') ? '64' : undefined),
};
const FIELD = new RegExp(`^(${Object.keys(FIELDS).join('|')})`);
const OPERAND = /^ (vmap @\S+|!= @\S+|@\S+|\{ [^}]* \}|\S+) ?/;
const VERDICT = /(?:^| )(accept|drop|goto \S+|jump \S+)$/;

interface Match {
  readonly fields: readonly string[];
  readonly operand: string;
}

/** The verdict for `packet`: `accept`, `drop`, `goto X`, `jump X`; undefined when it is not met. */
export function ruleVerdict(rule: string, packet: Packet, sets: NamedSets): string | undefined {
  if (rule.startsWith('type filter hook ')) return undefined;
  const [, verdict] = VERDICT.exec(rule) ?? [];
  let answer = verdict;
  for (const { fields, operand } of matchesOf(rule)) {
    const values = fields.map((field) => FIELDS[field]?.(packet));
    if (values.includes(undefined)) return undefined;
    const found = lookUp(values.map(String), operand, sets);
    if (found === undefined) return undefined;
    if (operand.startsWith('vmap ')) answer = found;
  }
  assert.ok(answer !== undefined, `a rule without a verdict: ${rule}`);
  return answer;
}

/** Names of chains, and of sets with an @. */
export function referencesOf(rule: string): string[] {
  return [...rule.matchAll(/(?:goto|jump) (\S+)|(@\S+)/g)].map(
    ([, chain, set]) => chain ?? set ?? '',
  );
}

function matchesOf(rule: string): Match[] {
  const matches: Match[] = [];
  let rest = rule.replace(VERDICT, '');
  const take = (pattern: RegExp): string | undefined => {
    const [whole = '', part] = pattern.exec(rest) ?? [];
    rest = rest.slice(whole.length);
    return part;
  };
  while (rest !== '') {
    const fields: string[] = [];
    do {
      const field = take(FIELD);
      assert.ok(field !== undefined, `not understood: ${rule}`);
      fields.push(field);
    } while (take(/^( \. )/) !== undefined);
    const operand = take(OPERAND);
    assert.ok(operand !== undefined, `not understood: ${rule}`);
    matches.push({ fields, operand });
  }
  return matches;
}

/** The value that `operand` has for these parts of a key; undefined: it has none. */
function lookUp(parts: readonly string[], operand: string, sets: NamedSets): string | undefined {
  const [, name] = /^(?:vmap )?@(.*)$/.exec(operand) ?? [];
  if (name !== undefined) return sets.get(name)?.get(parts.join(' . '));
  const [, excepted] = /^!= @(.*)$/.exec(operand) ?? [];
  if (excepted !== undefined)
    return sets.get(excepted)?.has(parts.join(' . ')) === true ? undefined : '';
  const elements = operand.replace(/^\{ | \}$/g, '').split(/, ?/);
  return elements.some((element) => isWithin(parts, element.split(' . '))) ? '' : undefined;
}

/** Each part is a value, or from one to another with a dash. */
function isWithin(parts: readonly string[], element: readonly string[]): boolean {
  assert.equal(parts.length > 0, true);
  return parts.every((part, index) => {
    const [first = '', last = first] = (element[index] ?? '').split('-');
    const value = ordinal(part);
    if (value === undefined) return part === first;
    const [low, high] = [ordinal(first), ordinal(last)];
    assert.ok(low !== undefined && high !== undefined, `no range: ${element.join()}`);
    return low <= value && value <= high;
  });
}

/** Of a port or an address. */
function ordinal(text: string): bigint | undefined {
  return /^\d+$/.test(text) ? BigInt(text) : parseIp(text)?.value;
}
