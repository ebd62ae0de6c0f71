/** `npm run bench -- NAME`: measures one thing and prints medians. */
import { benchStart } from './start.ts';

const BENCHES: Readonly<Record<string, () => Promise<void>>> = { start: benchStart };

const [name = ''] = process.argv.slice(2);
const bench = BENCHES[name];
if (bench === undefined) {
  process.stderr.write(
    `Cannot run the bench ${JSON.stringify(name)}: known are ${Object.keys(BENCHES).join(', ')}\n`,
  );
  process.exitCode = 1;
} else await bench();
