/** What another API server answers to hostile bodies, beside what is expected of upstream. */
import { readBody } from '#base/http/message.ts';
import { httpClient } from '#edge/http-client.ts';
import { targetOfKubeconfig } from '../../bench/api/kubeconfig-server.ts';
import { Dice } from './dice.ts';
import { hostileSamples } from './hostile.ts';
import { requestText } from './request.ts';

const SAMPLES = 5;
const SHOWN = 300;

/** Lines about answers that are not as expected. Makes the namespace `fuzz` and what the bodies make. */
export async function compareHostile(kubeconfig: string, seed: number): Promise<string[]> {
  const { host, port, ca, cert, key } = targetOfKubeconfig(kubeconfig);
  const http = httpClient({ host, port, tls: { ca, cert, key } });
  const json = { 'content-type': 'application/json' };
  const namespace = Buffer.from('{"metadata":{"name":"fuzz"}}');
  await http.handler({ method: 'POST', url: '/api/v1/namespaces', headers: json, body: namespace });
  const account = Buffer.from('{"metadata":{"name":"default"}}');
  const accounts = '/api/v1/namespaces/fuzz/serviceaccounts';
  await http.handler({ method: 'POST', url: accounts, headers: json, body: account });
  const lines: string[] = [];
  const dice = new Dice(seed);
  for (let sample = 0; sample < SAMPLES; sample++) {
    for (const request of hostileSamples(dice)) {
      const { method, url, headers, body, expected } = request;
      const answer = await http.handler({ method, url, headers, ...(body && { body }) });
      const text = Buffer.from(await readBody(answer.body)).toString();
      if (expected?.includes(answer.status) === true) continue;
      const shown = requestText(request).slice(0, SHOWN);
      lines.push(
        `${answer.status}, expected ${expected?.join(' or ')}: ${shown}\n    ${text.slice(0, SHOWN)}`,
      );
    }
  }
  http.close();
  return lines;
}
