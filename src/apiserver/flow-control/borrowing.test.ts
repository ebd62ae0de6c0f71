import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '#base/virtual/seeded-random.ts';
import { allocate, type Share } from './allocation.ts';
import { borrow, type LevelNeed, limitsOf } from './borrowing.ts';

describe('an allocation', () => {
  const share = (lower: number, upper: number, target: number): Share => ({ lower, upper, target });
  const rows: [total: number, shares: Share[], seats: number[]][] = [
    [0, [], []],
    [10, [share(0, 100, 1), share(0, 100, 4)], [2, 8]],
    [10, [share(0, 3, 1), share(0, 100, 1)], [3, 7]],
    [10, [share(6, 100, 6), share(0, 100, 6)], [6, 4]],
    [10, [share(6, 100, 6), share(0, 100, 18)], [6, 4]],
    [10, [share(4, 10, 4), share(6, 10, 20)], [4, 6]],
    [10, [share(1, 4, 2), share(1, 6, 2)], [4, 6]],
    [9, [share(0, 2, 9), share(0, 3, 9), share(0, 9, 9)], [2, 3, 4]],
    [10, [share(0, 100, 0), share(0, 100, 0)], [5, 5]],
  ];
  for (const [total, shares, seats] of rows)
    it(`of ${total} to ${JSON.stringify(shares)} is ${seats.join(' ')}`, () => {
      const found = allocate(total, shares)?.seats ?? [];
      assert.deepEqual(
        found.map((value) => Math.round(value * 1e6) / 1e6),
        seats,
      );
    });

  it('is none where the bounds do not allow it', () => {
    assert.equal(allocate(5, [share(3, 9, 3), share(3, 9, 3)]), undefined);
    assert.equal(allocate(19, [share(3, 9, 3), share(3, 9, 3)]), undefined);
  });

  for (let seed = 1; seed <= 200; seed++)
    it(`sums up, keeps to the bounds, and gives the same part of each wish (seed ${seed})`, () => {
      const random = new SeededRandom(seed);
      const shares = Array.from({ length: 1 + Math.floor(random.next() * 8) }, () => {
        const lower = Math.floor(random.next() * 20);
        const upper = lower + Math.floor(random.next() * 50);
        return share(lower, upper, lower + random.next() * 60);
      });
      const lowest = shares.reduce((sum, { lower }) => sum + lower, 0);
      const highest = shares.reduce((sum, { upper }) => sum + upper, 0);
      const total = lowest + Math.floor(random.next() * (highest - lowest));
      const found = allocate(total, shares);
      assert.ok(found !== undefined);
      const { seats, fraction } = found;
      assert.ok(Math.abs(seats.reduce((sum, value) => sum + value, 0) - total) < 1e-3);
      for (const [i, { lower, upper, target }] of shares.entries()) {
        const given = seats[i] ?? -1;
        const wish = fraction * Math.max(target, 0.001);
        assert.ok(given >= lower && given <= upper);
        if (given > lower + 1e-6 && given < upper - 1e-6) assert.ok(Math.abs(given - wish) < 1e-3);
        if (given <= lower && upper > lower) assert.ok(wish <= lower + 1e-3);
        if (given >= upper && upper > lower) assert.ok(wish >= upper - 1e-3);
      }
    });
});

describe('limits of a level', () => {
  it('are its part of the seats, with what it may lend and borrow', () => {
    assert.deepEqual(limitsOf(600, 245, { shares: 30, lendablePercent: 33 }), {
      nominal: 74,
      min: 50,
      max: 674,
    });
    assert.deepEqual(limitsOf(600, 245, { shares: 5, borrowingLimitPercent: 50 }), {
      nominal: 13,
      min: 13,
      max: 20,
    });
    assert.deepEqual(limitsOf(600, 245, { shares: 5, borrowingLimitPercent: 0 }).max, 13);
    assert.equal(limitsOf(600, 0, { shares: 0 }).nominal, 0);
  });
});

describe('borrowing', () => {
  const level = (limits: [nominal: number, min: number, max: number], need = 0): LevelNeed => ({
    nominal: limits[0],
    min: limits[1],
    max: limits[2],
    isExempt: false,
    highWatermark: Math.ceil(need),
    smoothed: need,
    current: limits[0],
  });

  it('gives who needs more what others do not need', () => {
    const { seats } = borrow([level([50, 25, 650], 200), level([50, 10, 650], 0)]);
    assert.deepEqual(seats, [90, 10]);
  });

  it('leaves to each what it uses of its own', () => {
    const { seats } = borrow([level([50, 25, 650], 500), level([50, 10, 650], 40)]);
    assert.deepEqual(seats, [60, 40]);
  });

  it('gives nobody more than it may borrow', () => {
    const { seats } = borrow([level([50, 25, 60], 500), level([50, 10, 650], 0)]);
    assert.deepEqual(seats, [60, 40]);
  });

  it('takes back what was lent when its owner comes', () => {
    const { seats } = borrow([level([50, 25, 650], 500), level([50, 10, 650], 500)]);
    assert.deepEqual(seats, [50, 50]);
  });

  it('leaves the others their least where those without a limit take all', () => {
    const exempt = { ...level([0, 0, 0], 90), isExempt: true };
    const { seats } = borrow([exempt, level([50, 20, 650], 50), level([50, 10, 650], 50)]);
    assert.deepEqual(seats, [90, 20, 10]);
    const some = { ...exempt, highWatermark: 35 };
    assert.deepEqual(borrow([some, level([50, 20, 650], 50), level([50, 10, 650], 50)]).seats, [
      35,
      20 + Math.round((30 * 35) / 70),
      10 + Math.round((40 * 35) / 70),
    ]);
  });

  for (let seed = 1; seed <= 200; seed++)
    it(`never goes beyond limits, and gives no more seats than there are (seed ${seed})`, () => {
      const random = new SeededRandom(seed);
      const total = 600;
      const shares = Array.from({ length: 2 + Math.floor(random.next() * 7) }, () => ({
        shares: 1 + Math.floor(random.next() * 100),
        lendablePercent: Math.floor(random.next() * 101),
        borrowingLimitPercent: random.next() < 0.3 ? undefined : Math.floor(random.next() * 300),
      }));
      const shareSum = shares.reduce((sum, one) => sum + one.shares, 0);
      const needs = shares.map((one): LevelNeed => {
        const limits = limitsOf(total, shareSum, one);
        const smoothed = random.next() < 0.3 ? 0 : random.next() * 400;
        const highWatermark = Math.round(smoothed * (1 + random.next()));
        return { ...limits, isExempt: false, highWatermark, smoothed, current: limits.nominal };
      });
      const { seats } = borrow(needs);
      for (const [i, { min, max, nominal, highWatermark }] of needs.entries()) {
        const given = seats[i] ?? -1;
        assert.ok(given >= Math.max(min, Math.min(nominal, highWatermark)) && given <= max);
      }
      const nominalSum = needs.reduce((sum, { nominal }) => sum + nominal, 0);
      const given = seats.reduce((sum, value) => sum + value, 0);
      assert.ok(Math.abs(given - nominalSum) <= needs.length / 2 + 1);
    });
});
