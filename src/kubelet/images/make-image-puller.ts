/** Puts together what pulls the images of a node. */
import type { KubeletConfiguration } from '../config/types.ts';
import type { Cri } from '../cri/cri.ts';
import { ImagePullRecords } from './image-pull-records.ts';
import { ImagePuller } from './image-puller.ts';
import { PullCredentials, type PullCredentialsOptions } from './pull-credentials.ts';
import { PullGate } from './pull-gate.ts';
import { PullVerifier } from './pull-verifier.ts';

export interface MakeImagePullerOptions extends PullCredentialsOptions {
  readonly configuration: KubeletConfiguration;
  readonly cri: Cri;
}

/**
 * Rejects when the configuration of credential providers is wrong, or the records of pulls cannot be
 * kept.
 */
export async function makeImagePuller(options: MakeImagePullerOptions): Promise<ImagePuller> {
  const { environment, configuration, cri } = options;
  const credentials = await PullCredentials.make(options);
  return new ImagePuller({
    cri,
    environment,
    credentials,
    gate: new PullGate(configuration, environment.clock),
    verifier: await verifierOf(options),
  });
}

/** The policy is set unless the gate KubeletEnsureSecretPulledImages is off. */
async function verifierOf(options: MakeImagePullerOptions): Promise<PullVerifier | undefined> {
  const { configuration: policy, fileSystem, rootDirectory } = options;
  if (policy.imagePullCredentialsVerificationPolicy === undefined) return undefined;
  const records = await ImagePullRecords.open(fileSystem, rootDirectory);
  const verifier = new PullVerifier({ ...options, records, policy });
  await verifier.settle();
  return verifier;
}
