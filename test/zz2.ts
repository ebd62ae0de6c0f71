import { TestCluster } from '#kit/cluster.ts';
for (let i = 0; i < 6; i++) {
  const t = performance.now();
  const c = await TestCluster.start({ nodes: 3, seed: i });
  const t2 = performance.now();
  await c.stop();
  console.log('start', (t2 - t).toFixed(0), 'stop', (performance.now() - t2).toFixed(0), c.environment.lines('warn').length);
}
