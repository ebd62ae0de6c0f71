/**
 * kubectl at a terminal: util-linux's `script` gives it a pseudo-terminal, as a user's shell does.
 */
import { openStream, type Stream } from './stream.ts';
import { run } from './product.ts';

export interface Terminal extends Stream {
  /** As when the user drags the corner of the window. */
  resize(size: { rows: number; columns: number }): Promise<void>;
}

/** Starts `kubectl ARGS` at a terminal; its exit code is kubectl's. */
export async function openTerminal(
  args: readonly string[],
  options: { kubeconfig: string; rows: number; columns: number },
): Promise<Terminal> {
  const { kubeconfig, rows, columns } = options;
  const command = ['kubectl', ...args].map(quoted).join(' ');
  const stream = openStream(
    'script',
    // The terminal's path comes first, so that it can be resized from here.
    [
      '--quiet',
      '--return',
      '--command',
      `tty; stty rows ${rows} cols ${columns}; exec ${command}`,
      '/dev/null',
    ],
    { KUBECONFIG: kubeconfig, SHELL: '/bin/sh' },
  );
  const [, device = ''] = await stream.until(/(\/dev\/\S+)\r\n/);
  return {
    ...stream,
    async resize(size) {
      // The kernel tells the terminal's foreground process (SIGWINCH).
      const words = ['-F', device, 'rows', String(size.rows), 'cols', String(size.columns)];
      const { code, stderr } = await run('stty', words);
      if (code !== 0) throw new Error(`Cannot resize ${device}: ${stderr}`);
    },
  };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
