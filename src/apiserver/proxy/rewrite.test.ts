import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { readBody } from '#base/http/message.ts';
import { cleanPath, escapePath, joinPaths } from './path.ts';
import { rewrittenBody } from './rewrite-body.ts';
import { HtmlRewriter } from './rewrite-html.ts';
import { rewriteUrl } from './rewrite-url.ts';

const PREFIX = '/api/v1/namespaces/shop/services/web/proxy';
const rules = { prefix: PREFIX, backendHost: '10.244.0.7:80', clientHost: 'localhost:8001' };
const url = (text: string): string | undefined => rewriteUrl(text, rules);

describe('URLs that a backend names', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['/', `${PREFIX}/`],
    ['/a/b?c=d#e', `${PREFIX}/a/b?c=d#e`],
    ['/a/../b/', `${PREFIX}/b/`],
    ['http://10.244.0.7:80/x', `${PREFIX}/x`],
    ['//10.244.0.7:80/x', `${PREFIX}/x`],
    ['http://localhost:8001/x', `http://localhost:8001${PREFIX}/x`],
    [`${PREFIX}/x`, `${PREFIX}/x`],
    ['http://example.com/x', 'http://example.com/x'],
    ['x/y', 'x/y'],
    ['../x', '../x'],
    ['#top', '#top'],
    ['mailto:a@b', 'mailto:a@b'],
  ];
  for (const [from, to] of cases) it(`${from} becomes ${to}`, () => assert.equal(url(from), to));

  it('are left alone when they are none', () => {
    for (const text of ['/a b', '/%zz', ':x', '/\n']) assert.equal(url(text), undefined);
  });
});

describe('paths', () => {
  it('never climb above the root', () => {
    assert.equal(cleanPath('/../../etc//passwd/.'), '/etc/passwd');
    assert.equal(joinPaths('/a', '/../../b/'), '/b/');
  });
  it('are escaped as Go escapes them', () => {
    assert.equal(
      escapePath("/a b/ü/$&+,/:;=@/?#[]!'()*~"),
      '/a%20b/%C3%BC/$&+,/:;=@/%3F%23%5B%5D%21%27%28%29%2A~',
    );
  });
});

function rewritten(html: string, chunk = html.length): string {
  const rewriter = new HtmlRewriter((text) => (text.startsWith('/') ? `/p${text}` : undefined));
  const bytes = Buffer.from(html);
  const out: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += chunk)
    out.push(rewriter.push(bytes.subarray(at, at + chunk)));
  return Buffer.concat([...out, rewriter.end()]).toString();
}

const PAGE = `<!DOCTYPE html><html manifest="/m"><!-- <a href="/no"> --><title><a href="/no"></title>
<body><A HREF='/x?a=1&amp;b=2' title="/no">ü</A><img src=/i.png alt="a > b" longdesc="/l"><p href="/no">
<script src="/s.js">if (a < b) document.write('<a href="/no">')</script><style>@import "/no"</style>
<form action = "/f"><a disabled href="y"><a href></form> 1 < 2 <`;
const WANTED = `<!DOCTYPE html><html manifest="/p/m"><!-- <a href="/no"> --><title><a href="/no"></title>
<body><A HREF='/p/x?a=1&amp;b=2' title="/no">ü</A><img src=/p/i.png alt="a > b" longdesc="/p/l"><p href="/no">
<script src="/p/s.js">if (a < b) document.write('<a href="/no">')</script><style>@import "/no"</style>
<form action = "/p/f"><a disabled href="y"><a href></form> 1 < 2 <`;

describe('HTML', () => {
  it('has the URLs of its attributes rewritten, and nothing else', () =>
    assert.equal(rewritten(PAGE), WANTED));

  it('is the same however it is cut into pieces', () => {
    for (const size of [1, 2, 3, 7, 50]) assert.equal(rewritten(PAGE, size), WANTED, `${size}`);
  });

  it('with a tag longer than is held back passes as it is', () => {
    const tag = `<a href="/x" title="${'x'.repeat(20_000)}"`;
    assert.equal(rewritten(tag, 1000), tag);
  });

  it('that is gzipped is rewritten too', async () => {
    const bytes = gzipSync(PAGE);
    const body = rewrittenBody({ kind: 'bytes', bytes }, 'gzip', (text) => `/p${text}`);
    assert.match(gunzipSync(await readBody(body)).toString(), /src=\/p\/i.png/);
  });

  it('that is no gzip though it says so passes as it is', async () => {
    const body = rewrittenBody({ kind: 'bytes', bytes: Buffer.from(PAGE) }, 'gzip', () => 'x');
    assert.equal(Buffer.from(await readBody(body)).toString(), PAGE);
  });

  it('of an unknown encoding is not touched', () =>
    assert.equal(
      rewrittenBody({ kind: 'bytes', bytes: Buffer.from('') }, 'br', () => 'x'),
      undefined,
    ));

  it('made to be dear costs no more than its length', () => {
    const started = process.cpuUsage();
    rewritten(`<a ${'x'.repeat(16_000)} `.repeat(60));
    rewritten(`<a x${' '.repeat(16_000)}`.repeat(60));
    const { user, system } = process.cpuUsage(started);
    assert.ok(user + system < 2_000_000, `${user + system} µs`);
  });
});
