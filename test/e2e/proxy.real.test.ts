/** Proxies of pods, Services and nodes as kubectl uses them, with real containers behind them. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ask } from './http.ts';
import { unlessReal } from './needs.ts';
import { type RealCluster, startRealCluster } from './real-cluster.ts';

const skip = unlessReal('kubectl proxy with real containers');
const NS = '/api/v1/namespaces/default';
/** Serves a page, and on another port answers with what it was sent. */
const SERVER = [
  'mkdir -p /www/cgi-bin',
  `printf '<a href="/other">' > /www/index.html`,
  `printf '#!/bin/sh\nprintf "content-type: text/plain\\\\n\\\\n$REQUEST_METHOD $QUERY_STRING "\ncat\n' > /www/cgi-bin/echo`,
  'chmod +x /www/cgi-bin/echo',
  'exec httpd -f -p 8080 -h /www',
].join('\n');

describe('proxies', { skip }, () => {
  let cluster: RealCluster;
  before(async () => {
    cluster = await startRealCluster();
    await cluster.runWeb(SERVER);
  });
  after(() => cluster?.close());

  const get = (path: string): Promise<string> => cluster.ok(['get', '--raw', path]);

  it('of a pod rewrites the links of its pages', async () => {
    assert.equal(await get(`${NS}/pods/web/proxy/`), `<a href="${NS}/pods/web/proxy/other">`);
  });

  it('of a Service answers by number of the port', async () => {
    await cluster.ok(
      'wait --for=jsonpath={.endpoints[0].conditions.ready}=true --timeout=30s endpointslice -l kubernetes.io/service-name=web',
    );
    assert.match(await get(`${NS}/services/web:80/proxy/`), /services\/web:80\/proxy\/other/);
  });

  it('of a node shows what its kubelet says', async () => {
    const node = await cluster.ok(['get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}']);
    assert.equal(await get(`/api/v1/nodes/${node}/proxy/healthz`), 'ok');
  });

  it('says what pods and Services do not answer', async () => {
    const { stderr } = await cluster.product.kubectl(['get', '--raw', `${NS}/pods/web:9/proxy/`]);
    assert.match(stderr, /error trying to reach service: .*ECONNREFUSED/);
    const service = await cluster.product.kubectl(['get', '--raw', `${NS}/services/web:9/proxy/`]);
    assert.match(service.stderr, /no service port 9 found for service "web"/);
  });

  it('through kubectl proxy carry methods, queries and bodies', async () => {
    const stream = cluster.product.stream(['proxy', '--port=0']);
    const [, port = ''] = await stream.until(/Starting to serve on 127\.0\.0\.1:(\d+)\n/);
    const url = `http://127.0.0.1:${port}${NS}/services/http:web:80/proxy/cgi-bin/echo?a=b`;
    const answer = await fetch(url, { method: 'POST', body: 'hello' });
    assert.equal(await answer.text(), 'POST a=b hello');
    const page = await ask(`http://127.0.0.1:${port}${NS}/pods/web/proxy/`);
    assert.match(String(page.body), /pods\/web\/proxy\/other/);
    await stream.stop();
  });

  it('are what kubectl cluster-info names', async () => {
    await cluster.ok('label service web kubernetes.io/cluster-service=true');
    await cluster.ok('-n kube-system create service clusterip shown --tcp=80:8080');
    await cluster.ok('-n kube-system label service shown kubernetes.io/cluster-service=true');
    assert.match(
      await cluster.ok('cluster-info'),
      /shown is running at .*\/api\/v1\/namespaces\/kube-system\/services\/shown:80-8080\/proxy/,
    );
  });
});
