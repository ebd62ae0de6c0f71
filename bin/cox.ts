/** `cox`: parses the command line and hands over. All logic is in src/cli. */
import { resolveQuickly } from '../src/cli/quick-resolve.ts';

resolveQuickly();
const { main } = await import('../src/cli/main.ts');
// What is still open by now (idle connections) is nobody's concern any more.
process.exit(await main(process.argv.slice(2)));
