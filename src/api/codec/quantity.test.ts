import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  addQuantity,
  canonicalQuantity,
  compareQuantity,
  isWholeQuantity,
  QuantityError,
  quantityMilli,
  quantityValue,
  roundedQuantity,
  subtractQuantity,
} from './quantity.ts';

describe('canonicalQuantity', () => {
  const rows: [text: string | number, canonical: string][] = [
    ['0', '0'],
    ['0Gi', '0'],
    ['1', '1'],
    ['1000', '1k'],
    ['1500', '1500'],
    ['1000m', '1'],
    ['1.5', '1500m'],
    ['0.5', '500m'],
    [1.5, '1500m'],
    ['.5', '500m'],
    ['1024Mi', '1Gi'],
    ['1Ki', '1Ki'],
    ['1.5Gi', '1536Mi'],
    ['0.5Ki', '512'],
    ['1.1Ki', '1126400m'],
    ['100000k', '100M'],
    ['12e6', '12e6'],
    ['1e3', '1e3'],
    ['1200e4', '12e6'],
    ['0.1m', '100u'],
    ['0.1n', '1n'],
    ['-0.1n', '-1n'],
    ['-1500m', '-1500m'],
    ['+5', '+5'],
    [' 5 ', '5'],
    ['64Ei', '9223372036854775807'],
    ['9999999999999999999', '9999999999999999999'],
  ];
  for (const [text, canonical] of rows) {
    it(`${JSON.stringify(text)} is ${canonical}`, () => {
      assert.equal(canonicalQuantity(text), canonical);
    });
  }

  for (const text of ['', 'much', '1.2.3', '1KiB', '1 Gi', '0x10', '1e5e5', '1Kim']) {
    it(`${JSON.stringify(text)} is none`, () => {
      assert.throws(() => canonicalQuantity(text), QuantityError);
    });
  }

  it('is fast with exponents that nobody can mean', () => {
    assert.equal(canonicalQuantity('1e-999999999'), '1e-9');
    assert.throws(() => canonicalQuantity('1e9999999999'), /unable to parse quantity's suffix/);
    assert.equal(compareQuantity('1e999999999', '1'), 1);
  });
});

describe('arithmetic on quantities', () => {
  it('adds in the suffix of the first, or of the second when the first is zero', () => {
    assert.equal(addQuantity('1Gi', '512Mi'), '1536Mi');
    assert.equal(addQuantity('250m', '750m'), '1');
    assert.equal(addQuantity('0', '1Gi'), '1Gi');
    assert.equal(addQuantity('1k', '1Ki'), '2024');
    assert.equal(subtractQuantity('1', '300m'), '700m');
    assert.equal(subtractQuantity('1Gi', '2Gi'), '-1Gi');
  });

  it('compares by value', () => {
    assert.equal(compareQuantity('1', '1000m'), 0);
    assert.equal(compareQuantity('1Ki', '1k'), 1);
    assert.equal(compareQuantity('-1', '1n'), -1);
    assert.equal(compareQuantity('9007199254740993', '9007199254740992'), 1);
  });

  it('rounds up to whole units and to thousandths', () => {
    assert.deepEqual(
      [quantityValue('100m'), quantityValue('1500m'), quantityValue('-100m')],
      [1, 2, -1],
    );
    assert.deepEqual(
      [quantityMilli('1'), quantityMilli('0.1m'), quantityMilli('1.5')],
      [1000, 1, 1500],
    );
    assert.equal(quantityValue('64Mi'), 67108864);
    assert.equal(quantityMilli('2k'), 2_000_000);
  });

  it('a canonical text is canonical, and equal to what it came from', () => {
    const numbers = fc.tuple(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), fc.nat(6));
    const suffixes = fc.constantFrom('', 'm', 'u', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'E-3');
    const texts = fc.tuple(numbers, suffixes).map(([[digits, fraction], suffix]) => {
      const text = String(digits).padStart(fraction + 2, '0');
      const cut = text.length - fraction;
      return text.includes('-') || fraction === 0
        ? `${digits}${suffix}`
        : `${text.slice(0, cut)}.${text.slice(cut)}${suffix}`;
    });
    fc.assert(
      fc.property(texts, (text) => {
        const canonical = canonicalQuantity(text);
        assert.equal(canonicalQuantity(canonical), canonical);
        // What is finer than a nano unit was rounded.
        if (!/u|m|E-/.test(text)) assert.equal(compareQuantity(canonical, text), 0);
      }),
    );
  });

  it('adding and subtracting again changes nothing', () => {
    const texts = fc
      .tuple(fc.integer({ min: 0, max: 10 ** 9 }), fc.constantFrom('', 'm', 'Ki', 'Mi', 'k'))
      .map(([number, suffix]) => `${number}${suffix}`);
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        assert.equal(compareQuantity(subtractQuantity(addQuantity(a, b), b), a), 0);
      }),
    );
  });
});

describe('amounts of a list of resources', () => {
  it('are rounded up to thousandths', () => {
    const rounded = ['1n', '1500u', '1m', '250m', '1Gi', '1.0005'].map((text) =>
      roundedQuantity(canonicalQuantity(text)),
    );
    assert.deepEqual(rounded, ['1m', '2m', '1m', '250m', '1Gi', '1001m']);
  });

  it('are whole when no thousandth is left over, which are counted in 64 bits', () => {
    const whole = ['1', '1k', '1500m', '1m', '1Ei', '7Pi'].filter(isWholeQuantity);
    assert.deepEqual(whole, ['1', '1k', '7Pi']);
  });
});
