/**
 * Loaded into npm when it runs under an older Node than the pinned one.
 *
 * npm leaves out an optional package (as every package of one platform is) whose `engines` do not
 * match the Node that runs npm. What is installed here runs under the pinned Node: npm is told that
 * version.
 */
const { optionalDependencies } = require('../package.json');

Object.defineProperty(process, 'version', {
  value: `v${optionalDependencies[`node-linux-${process.arch}`]}`,
});
