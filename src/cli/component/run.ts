/** A component as a command: from its arguments until a signal, or until it has lost its lease. */
import { type Flags, parseFlags, type Program, showsHelp, untilSignal } from '../flags.ts';

/** `work` resolves after its signal. Rejects with what `work` rejects with. */
export async function runComponent<N extends string>(
  program: Program<N>,
  args: readonly string[],
  work: (flags: Flags<N>, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  if (showsHelp(program, args)) return;
  const stopping = new AbortController();
  const working = work(parseFlags(program, args), stopping.signal);
  await Promise.race([untilSignal(), working]);
  stopping.abort();
  await working;
}
