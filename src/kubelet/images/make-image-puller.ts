/** Puts together what pulls the images of a node. */
import type { KubeletConfiguration } from '../config/types.ts';
import type { Cri } from '../cri/cri.ts';
import { ImagePuller } from './image-puller.ts';
import { PullCredentials, type PullCredentialsOptions } from './pull-credentials.ts';
import { PullGate } from './pull-gate.ts';

export interface MakeImagePullerOptions extends PullCredentialsOptions {
  readonly configuration: KubeletConfiguration;
  readonly cri: Cri;
}

/** Rejects when the configuration of credential providers is wrong. */
export async function makeImagePuller(options: MakeImagePullerOptions): Promise<ImagePuller> {
  const { environment, configuration, cri } = options;
  const credentials = await PullCredentials.make(options);
  return new ImagePuller({
    cri,
    environment,
    credentials,
    gate: new PullGate(configuration, environment.clock),
  });
}
