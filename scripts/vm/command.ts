/** What the guest runs, as a shell's script. Pure. */

/** Of tests that wait, where the processor is emulated. */
const PATIENCE = 15;

/** `args`: files of tests (none: `all`), or after `--` the words of a command. */
export function guestCommand(
  args: readonly string[],
  options: { readonly all: readonly string[]; readonly hasKvm: boolean },
): string {
  const { all, hasKvm } = options;
  const settings = hasKvm ? '' : `export COXSWAIN_TEST_PATIENCE=${PATIENCE}\n`;
  if (args[0] === '--') return `${settings}${args.slice(1).map(quoted).join(' ')}\n`;
  const files = args.length > 0 ? args : all;
  return `${settings}node --test --test-concurrency=1 ${files.map(quoted).join(' ')}\n`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
