/** What admission from outside would have seen. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { WriteLog } from './write-log.ts';

const PODS = '/api/v1/namespaces/shop/pods';

it('the log has each sort of write once, from when it listens', () => {
  const log = new WriteLog();
  const note = (text: string, status: number, labels?: object): void => {
    const [method = '', url = ''] = text.split(' ');
    const body = Buffer.from(JSON.stringify({ metadata: { labels } }));
    log.note({ method, url, headers: {}, ...(labels === undefined ? {} : { body }) }, status);
  };
  note(`DELETE ${PODS}/before`, 200);
  log.listen();
  for (const name of ['a', 'b']) note(`POST ${PODS}?x=${name}`, 201, { app: 'web' });
  note(`POST ${PODS}`, 201, { app: 'db' });
  note(`GET ${PODS}`, 200);
  note(`PATCH ${PODS}/a`, 200);
  note(`PATCH ${PODS}/new`, 201);
  note(`PUT ${PODS}/a/status`, 200);
  assert.deepEqual(
    log.writes.map(
      ({ operation, subresource, labels }) =>
        `${operation} ${subresource} ${JSON.stringify(labels)}`,
    ),
    [
      'CREATE  {"app":"web"}',
      'CREATE  {"app":"db"}',
      'UPDATE  undefined',
      'CREATE  undefined',
      'UPDATE status undefined',
    ],
  );
  const [first] = log.writes;
  assert.deepEqual([first?.group, first?.resource, first?.namespace], ['', 'pods', 'shop']);
});
