import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { realNetwork } from './network.ts';
import { testPki } from './test-kit.ts';

const network = realNetwork();
const echo = (socket: Duplex): void => {
  socket.pipe(socket);
};

async function say(socket: Duplex, words: string): Promise<string> {
  socket.write(words);
  const [answer] = await once(socket, 'data');
  socket.destroy();
  return String(answer);
}

describe('realNetwork', () => {
  it('dials and serves TCP', async () => {
    const server = await network.listenTcp({}, echo);
    const socket = await network.dial({ port: server.port });
    assert.equal(await say(socket, 'hello'), 'hello');
    await server.close();
    await assert.rejects(network.dial({ port: server.port }), { code: 'ECONNREFUSED' });
  });

  it('dials and serves unix sockets', async () => {
    const path = join(tmpdir(), `network-${process.pid}.sock`);
    const server = await network.listenTcp({ path }, echo);
    assert.equal(await say(await network.dial({ path }), 'hello'), 'hello');
    await server.close();
  });

  it('ends open connections when a server closes', async () => {
    const server = await network.listenTcp({}, echo);
    const socket = await network.dial({ port: server.port });
    const closed = once(socket, 'close');
    socket.on('error', () => {});
    await server.close();
    await closed;
  });

  it('dials TLS, verifies the server, and agrees on a protocol', async () => {
    const pki = testPki();
    const server = createTlsServer({ ...pki.server, ALPNProtocols: ['spdy'] }, echo);
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const socket = await network.dial({ port, tls: { ca: pki.ca, alpn: ['spdy'] } });
    assert.equal((socket as Duplex & { alpnProtocol?: string }).alpnProtocol, 'spdy');
    assert.equal(await say(socket, 'hello'), 'hello');
    const stranger = { ca: testPki().ca };
    await assert.rejects(network.dial({ port, tls: stranger }));
    const misnamed = { ca: pki.ca, serverName: 'elsewhere' };
    await assert.rejects(network.dial({ port, tls: misnamed }), {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    // An address is verified as a name is, though no client may send it.
    const byAddress = { ca: pki.ca, serverName: '127.0.0.1' };
    assert.equal(await say(await network.dial({ port, tls: byAddress }), 'hello'), 'hello');
    await assert.rejects(network.dial({ port, tls: { ca: pki.ca, serverName: '127.0.0.2' } }), {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    const blind = { insecureSkipVerify: true, serverName: '127.0.0.1' };
    assert.equal(await say(await network.dial({ port, tls: blind }), 'hello'), 'hello');
    server.close();
  });

  it('gives up on a server that does not answer, or when told to', async () => {
    // Accepts, and never says a word of TLS.
    const silent = createServer(() => {});
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    await assert.rejects(network.dial({ port, tls: {}, timeoutMs: 50 }), /no answer within 50 ms/);
    const giveUp = new AbortController();
    const dialed = network.dial({ port, tls: {}, signal: giveUp.signal });
    giveUp.abort();
    await assert.rejects(dialed, /given up/);
    await assert.rejects(network.dial({ port, signal: giveUp.signal }), /given up/);
    silent.close();
  });

  it('sends and receives datagrams', async () => {
    const server = await network.bindUdp({ host: '127.0.0.1', port: 0 }, (message, port, address) =>
      server.send(Buffer.from(`re: ${Buffer.from(message).toString()}`), port, address),
    );
    const answer = Promise.withResolvers<string>();
    const client = await network.bindUdp({ host: '127.0.0.1', port: 0 }, (message) =>
      answer.resolve(Buffer.from(message).toString()),
    );
    client.send(Buffer.from('question'), server.port, '127.0.0.1');
    assert.equal(await answer.promise, 're: question');
    client.close();
    server.close();
  });

  it('shares a datagram port with those who share it too, and with nobody else', async () => {
    const ignore = (): void => {};
    const one = await network.bindUdp({ host: '127.0.0.1', port: 0, shared: true }, ignore);
    const two = await network.bindUdp({ host: '127.0.0.1', port: one.port, shared: true }, ignore);
    assert.equal(two.port, one.port);
    await assert.rejects(network.bindUdp({ host: '127.0.0.1', port: one.port }, ignore), {
      code: 'EADDRINUSE',
    });
    one.close();
    two.close();
  });
});
