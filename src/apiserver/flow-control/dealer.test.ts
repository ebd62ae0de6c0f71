import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deal, Dealer, dealProblem } from './dealer.ts';

describe('a deal', () => {
  // Upstream: pkg/util/shufflesharding/shufflesharding_test.go gives remainders and their hands.
  const rows: [hash: bigint, deck: number, hand: number, cards: number[]][] = [
    [0n, 6, 3, [0, 1, 2]],
    [5n, 6, 3, [5, 0, 1]],
    [5n + 6n * 4n, 6, 3, [5, 4, 0]],
    [5n + 6n * (4n + 5n * 3n), 6, 3, [5, 4, 3]],
    [2n + 6n * (2n + 5n * 2n), 6, 3, [2, 3, 4]],
  ];
  for (const [hash, deck, hand, cards] of rows)
    it(`of ${hash} is ${cards.join(' ')}`, () => assert.deepEqual(deal(hash, deck, hand), cards));

  it('gives no card twice, and every hand as often as any other', () => {
    const hands = new Map<string, number>();
    for (let hash = 0n; hash < 4n * 3n * 2n * 5n; hash++) {
      const cards = deal(hash, 4, 3);
      assert.equal(new Set(cards).size, 3);
      assert.ok(cards.every((card) => card >= 0 && card < 4));
      hands.set(cards.join(), (hands.get(cards.join()) ?? 0) + 1);
    }
    assert.equal(hands.size, 24);
    assert.deepEqual(new Set(hands.values()), new Set([5]));
  });
});

describe('a dealer', () => {
  it('gives a flow the same queues each time, and another flow others', () => {
    const dealer = new Dealer(64, 6);
    const hand = dealer.hand('schema', 'bob');
    assert.deepEqual(dealer.hand('schema', 'bob'), hand);
    assert.deepEqual(new Dealer(64, 6).hand('schema', 'bob'), hand);
    assert.notDeepEqual(dealer.hand('schema', 'eve'), hand);
    assert.notDeepEqual(dealer.hand('schemab', 'ob'), hand);
  });

  it('goes by the hash that upstream takes', () => {
    // The first eight bytes of SHA-256 of "a", a zero byte and "b", the last of them first.
    const hash = 0xd3b1bc1bae71b259n;
    assert.deepEqual(new Dealer(16, 4).hand('a', 'b'), deal(hash, 16, 4));
  });

  it('remembers so many flows, and finds the others out again', () => {
    const dealer = new Dealer(8, 2);
    const hand = dealer.hand('s', '0');
    for (let i = 0; i < 10_000; i++) dealer.hand('s', String(i));
    assert.deepEqual(dealer.hand('s', '0'), hand);
  });

  it('is not there for a deal that cannot be', () => {
    assert.equal(dealProblem(0, 1), 'deckSize or handSize is not positive');
    assert.equal(dealProblem(4, 5), 'handSize is greater than deckSize');
    assert.equal(dealProblem(1024, 7), 'required entropy bits is greater than 60');
    assert.equal(dealProblem(1024, 6), undefined);
    assert.throws(() => new Dealer(4, 5), RangeError);
  });
});
