import { TestApiServer } from '#kit/api-server.ts';
const n = Number(process.argv[2] ?? 2000);
const server = await TestApiServer.start({ onParsed: () => {} });
const props = (i: number) => Object.fromEntries(Array.from({ length: 30 }, (_, j) => [`field${j}`, { type: 'object', description: `Field ${j} of kind ${i} `.repeat(5), properties: { a: { type: 'string', pattern: '^a+$' }, b: { type: 'integer', minimum: 1 }, c: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' }, value: { type: 'string' } } } } } }]));
const mem = () => { (globalThis as any).gc?.(); return Math.round(process.memoryUsage().rss / 1e6); };
const before = mem();
let t = performance.now();
for (let i = 0; i < n; i++) {
  await server.must('POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions', { metadata: { name: `kinds${i}.group${i % 50}.example.com` }, spec: { group: `group${i % 50}.example.com`, scope: 'Namespaced', names: { plural: `kinds${i}`, singular: `kind${i}`, kind: `Kind${i}` }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: props(i) } } } } }] } });
}
await server.environment.advance(100);
console.log("created", n, Math.round(performance.now() - t), "ms cpu", Math.round(process.cpuUsage().user/1000));
console.log('rss', before, '->', mem(), 'MB; heap', Math.round(process.memoryUsage().heapUsed / 1e6), 'ext', Math.round(process.memoryUsage().arrayBuffers / 1e6));
t = performance.now();
const d = await server.must('GET /apis');
console.log('discovery', d.groups.length, Math.round(performance.now() - t), 'ms');
t = performance.now();
await server.must(`POST /apis/group1.example.com/v1/namespaces/default/kinds1`, { apiVersion: 'group1.example.com/v1', kind: 'Kind1', metadata: { name: 'x' }, spec: {} });
console.log('create one', Math.round(performance.now() - t), 'ms', mem());
