/**
 * How much longer than usual tests wait for what real programs do: `COXSWAIN_TEST_PATIENCE`, a
 * factor, for machines that are slow (an emulated processor). 1 where it is not given.
 */
export function patience(text = process.env['COXSWAIN_TEST_PATIENCE']): number {
  if (text === undefined) return 1;
  const factor = Number(text);
  if (factor >= 1 && factor <= 100) return factor;
  throw new RangeError(`Cannot use COXSWAIN_TEST_PATIENCE: ${text} is no number from 1 to 100`);
}
