/** Rounds of SIGKILL of the whole control plane under load. See `ledger.ts` for what must hold. */
import { setTimeout as pause } from 'node:timers/promises';
import { ControlPlane } from './control-plane.ts';
import { Ledger } from './ledger.ts';
import { listAll, startLoad, watchAll } from './load.ts';

/** After the first acknowledged write of a round. */
const LIFE_MIN_MS = 50;
const LIFE_MAX_MS = 400;
/** How long a restarted server may take to tell its watch of all that was before. */
const WATCH_TIMEOUT_MS = 10_000;

export interface Figures {
  readonly rounds: number;
  readonly acknowledged: number;
  /** Writes that were under way at a kill, and those of them that had happened. */
  readonly unanswered: number;
  readonly happened: number;
  /** Restarts whose watch went on where the killed server's had stopped. */
  readonly resumed: number;
  readonly startMs: readonly number[];
}

/** Rejects with what was broken. */
export async function runKillRounds(
  rounds: number,
  onRound: (round: number, acknowledged: number) => void = () => {},
): Promise<Figures> {
  const plane = await ControlPlane.create();
  const ledger = new Ledger();
  const figures = { rounds, acknowledged: 0, unanswered: 0, happened: 0, resumed: 0 };
  const startMs: number[] = [];
  /** Starts the server, and compares what it has with what was promised. */
  const restart = async (): Promise<{ watching: Promise<{ resumed: boolean }> }> => {
    startMs.push(await plane.start());
    const { items, version } = await listAll(plane.client);
    figures.unanswered += ledger.pendingCount;
    figures.happened += ledger.reconcile(items, version);
    const watching = watchAll(plane.client, ledger, version);
    watching.catch(() => {});
    // In an object, because a promise in a promise would be awaited.
    return { watching };
  };
  try {
    for (let round = 1; round <= rounds; round++) {
      const { watching } = await restart();
      const load = startLoad(plane.client, ledger, round);
      await Promise.race([load.begun, load.failed]);
      const lifeMs = LIFE_MIN_MS + Math.random() * (LIFE_MAX_MS - LIFE_MIN_MS);
      await Promise.race([pause(lifeMs), load.failed]);
      load.expectEnd();
      await plane.kill();
      figures.acknowledged += await load.stop();
      if ((await watching).resumed) figures.resumed++;
      onRound(round, figures.acknowledged);
    }
    await restart();
    await untilAllTold(ledger);
    return { ...figures, startMs };
  } finally {
    await plane.remove();
  }
}

/** The watch of the last start has told of every acknowledged write. */
async function untilAllTold(ledger: Ledger): Promise<void> {
  const until = performance.now() + WATCH_TIMEOUT_MS;
  while (ledger.untold > 0) {
    if (performance.now() > until)
      throw new Error(`The watch does not tell of ${ledger.untold} acknowledged writes`);
    await pause(5);
  }
}

/** One line about them. */
export function describeFigures(figures: Figures): string {
  const { rounds, acknowledged, unanswered, happened, resumed } = figures;
  const sorted = figures.startMs.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return (
    `${rounds} rounds of SIGKILL of the control plane, ${acknowledged} writes acknowledged, none lost, ` +
    `no resourceVersion reused; ${unanswered} unanswered (${happened} of them had happened); ` +
    `${resumed} watches resumed; restart ${median.toFixed(0)} ms (median), ${(sorted.at(-1) ?? 0).toFixed(0)} ms (longest)`
  );
}
