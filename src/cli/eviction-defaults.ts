/**
 * When the nodes of `cox up` evict pods for their own sake. Upstream's, but that of a disk so many
 * bytes have to be free, not a tenth: the machine is its user's too, and a tenth of a large disk is
 * much.
 */
export const EVICTION_HARD = {
  'memory.available': '100Mi',
  'nodefs.available': '1Gi',
  'nodefs.inodesFree': '5%',
  'imagefs.available': '1Gi',
  'imagefs.inodesFree': '5%',
};
