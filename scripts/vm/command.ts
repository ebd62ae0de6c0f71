/** What the guest runs, as a shell's script. Pure. */

/** `args`: files of tests (none: `all`), or after `--` the words of a command. */
export function guestCommand(args: readonly string[], all: readonly string[]): string {
  if (args[0] === '--') return `${args.slice(1).map(quoted).join(' ')}\n`;
  const files = args.length > 0 ? args : all;
  return `node --test --test-concurrency=1 ${files.map(quoted).join(' ')}\n`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
