import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatDuration, parseDuration } from './duration.ts';
import {
  canonicalMicroTime,
  canonicalTime,
  formatMicroTime,
  formatTime,
  parseMicroTime,
  parseTime,
} from './time.ts';

describe('times', () => {
  const rows: [text: string, canonical: string | undefined][] = [
    ['2024-05-01T10:00:00Z', '2024-05-01T10:00:00Z'],
    ['2024-05-01T10:00:00.999999999Z', '2024-05-01T10:00:00Z'],
    ['2024-05-01T00:30:00+01:00', '2024-04-30T23:30:00Z'],
    ['2024-05-01T00:30:00-00:30', '2024-05-01T01:00:00Z'],
    ['2024-02-29T9:00:00Z', '2024-02-29T09:00:00Z'],
    ['1969-12-31T23:59:59Z', '1969-12-31T23:59:59Z'],
    ['0001-01-01T00:00:00Z', undefined],
  ];
  for (const [text, canonical] of rows) {
    it(`${text} is ${canonical ?? 'no time'}`, () => assert.equal(canonicalTime(text), canonical));
  }

  const layout = 'parsing time "%" as "2006-01-02T15:04:05Z07:00": cannot parse ';
  const wrong: [text: string, message: string][] = [
    ['', `${layout}"" as "2006"`],
    ['2024', `${layout}"" as "-"`],
    ['2024-5-01T10:00:00Z', `${layout}"5-01T10:00:00Z" as "01"`],
    ['2024-05-01 10:00:00Z', `${layout}" 10:00:00Z" as "T"`],
    ['2024-05-01T10:00:00', `${layout}"" as "Z07:00"`],
    ['2024-13-01T10:00:00Z', 'parsing time "%": month out of range'],
    ['2023-02-29T10:00:00Z', 'parsing time "%": day out of range'],
    ['2024-05-01T24:00:00Z', 'parsing time "%": hour out of range'],
    ['2024-05-01T10:00:00Zx', 'parsing time "%": extra text: "x"'],
  ];
  for (const [text, message] of wrong) {
    it(`${JSON.stringify(text)} is refused in Go's words`, () => {
      assert.throws(() => parseTime(text), { message: message.replace('%', text) });
    });
  }

  it('a MicroTime has exactly six digits', () => {
    assert.equal(
      canonicalMicroTime('2024-05-01T10:00:00.123456+00:00'),
      '2024-05-01T10:00:00.123456Z',
    );
    assert.throws(() => parseMicroTime('2024-05-01T10:00:00Z'), /cannot parse "Z" as "\.000000"/);
    assert.throws(() => parseMicroTime('2024-05-01T10:00:00.123Z'), /as "\.000000"/);
  });

  it('any moment that is written is read again', () => {
    const seconds = fc.integer({ min: -62135596799, max: 253402300799 });
    const micros = fc.nat(999_999).map((value) => value * 1000);
    fc.assert(
      fc.property(seconds, micros, (second, nanos) => {
        assert.equal(parseTime(formatTime({ seconds: second })).seconds, second);
        const moment = { seconds: second, nanos };
        assert.deepEqual(parseMicroTime(formatMicroTime(moment)), moment);
      }),
    );
  });
});

describe('durations', () => {
  const rows: [text: string, nanos: number, canonical: string][] = [
    ['0', 0, '0s'],
    ['1h30m', 5400e9, '1h30m0s'],
    ['90s', 90e9, '1m30s'],
    ['1.5s', 1.5e9, '1.5s'],
    ['250ms', 250e6, '250ms'],
    ['100us', 100e3, '100µs'],
    ['-5m', -300e9, '-5m0s'],
  ];
  for (const [text, nanos, canonical] of rows) {
    it(`${text} is ${canonical}`, () => {
      assert.equal(parseDuration(text), nanos);
      assert.equal(formatDuration(nanos), canonical);
    });
  }

  it("what is none is refused in Go's words", () => {
    assert.throws(() => parseDuration(''), { message: 'time: invalid duration ""' });
    assert.throws(() => parseDuration('5'), { message: 'time: missing unit in duration "5"' });
    assert.throws(() => parseDuration('5d'), {
      message: 'time: unknown unit "d" in duration "5d"',
    });
  });
});
