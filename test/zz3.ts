import { simulate } from './sim/simulation.ts';
const from = Number(process.argv[2]), to = Number(process.argv[3] ?? from);
let bad = 0;
const t0 = performance.now();
for (let seed = from; seed <= to; seed++) {
  try { await simulate({ seed, ...(from === to ? { tell: console.log } : {}) }); } catch (e) { bad++; console.log(String((e as Error).message), from === to ? (e as Error).stack : ''); }
}
console.log('bad', bad, 'ms', (performance.now() - t0).toFixed(0));
