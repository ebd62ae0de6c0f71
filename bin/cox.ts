/** `cox`: parses the command line and hands over. All logic is in src/cli. */
import { main } from '../src/cli/main.ts';

process.exitCode = await main(process.argv.slice(2));
