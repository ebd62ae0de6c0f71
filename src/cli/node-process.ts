/** The node process: kubelet, service proxy and DNS of one node. */
import { UserError } from './user-error.ts';

/** Runs until SIGTERM or SIGINT. */
export async function runNode(dataPath: string): Promise<void> {
  throw new UserError(`Cannot run a node of ${dataPath}: real nodes come with a later version; use --simulated-nodes.`);
}
