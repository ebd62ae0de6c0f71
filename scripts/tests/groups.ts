/**
 * Which tests share a process. To load the product takes longer than most files of tests: so those
 * that leave nothing behind in their process run many to one.
 */

/** They are about processes: environment, signals, sockets, files, memory. */
const OWN_PROCESS = [
  /^(bench|bin|scripts)\//,
  /^src\/(cli|edge)\//,
  /^src\/store\/sqlite\//,
  /^test\/(clients|e2e|kill|soak|tidy)\//,
  /kernel\.test\.ts$/,
];
/** So many files take some ten seconds. */
const GROUP_MAX = 24;
/** The longest begins first, so that nothing waits for it at the end. */
const FIRST = /^test\/(sim\/|clients\/client-go)/;

/** `files` as the processes that run them, each file in one: neighbours share. */
export function groupsOf(files: readonly string[]): string[][] {
  const groups: string[][] = [];
  const alone: string[][] = [];
  let open: string[] = [];
  for (const file of files.toSorted()) {
    if (FIRST.test(file)) groups.unshift([file]);
    else if (OWN_PROCESS.some((pattern) => pattern.test(file))) alone.push([file]);
    else {
      if (open.length === 0 || open.length === GROUP_MAX) groups.push((open = []));
      open.push(file);
    }
  }
  // Short ones at the end fill what the long ones leave.
  return [...groups, ...alone];
}
