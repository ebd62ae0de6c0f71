/** The same requests to two API servers, ours and upstream's; the answers compared. */
import { differential } from '../test/differential/main.ts';

// What is still open by now (idle connections) is nobody's concern any more.
process.exit(await differential(process.argv.slice(2)));
