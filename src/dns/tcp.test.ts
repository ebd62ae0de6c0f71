import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { frame, readFrames } from './frames.ts';
import { serveConnection, type TcpService } from './tcp.ts';

/** A connection: what comes is pushed, what goes is kept until `take` is called. */
function world(resolve: TcpService['resolve'], connectionsMax = 10) {
  const environment = new VirtualEnvironment();
  const written: Buffer[] = [];
  let isTaking = true;
  const connection = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk);
      if (isTaking) done();
    },
  });
  const limits = { connections: 0, connectionsMax };
  serveConnection({ environment, connection, limits, resolve });
  const stopTaking = (): void => {
    isTaking = false;
  };
  return { environment, connection, written, limits, stopTaking };
}

const echo: TcpService['resolve'] = (message) => Buffer.from(message);
const MESSAGE = Buffer.from('question');

describe('serveConnection', () => {
  it('answers queries that come in pieces, or several at once', async () => {
    const { environment, connection, written } = world(echo);
    const framed = frame(MESSAGE);
    connection.push(framed.subarray(0, 1));
    connection.push(framed.subarray(1, 5));
    connection.push(Buffer.concat([framed.subarray(5), framed, framed]));
    await environment.runUntilIdle();
    assert.deepEqual(Buffer.concat(written), Buffer.concat([framed, framed, framed]));
  });

  it('gives each answer when it is ready', async () => {
    const slow = Promise.withResolvers<Uint8Array>();
    const { environment, connection, written } = world((message) =>
      message[0] === 1 ? slow.promise : Buffer.from(message),
    );
    connection.push(Buffer.concat([frame(Buffer.of(1)), frame(Buffer.of(2))]));
    await environment.runUntilIdle();
    assert.deepEqual(Buffer.concat(written), frame(Buffer.of(2)));
    slow.resolve(Buffer.of(1));
    await environment.runUntilIdle();
    assert.deepEqual(Buffer.concat(written.slice(-1)), frame(Buffer.of(1)));
  });

  it('closes a connection that is silent for ten seconds', async () => {
    const { environment, connection, limits } = world(echo);
    await environment.advance(9_000);
    connection.push(frame(MESSAGE));
    await environment.advance(9_999);
    assert.equal(connection.destroyed, false);
    assert.equal(limits.connections, 1);
    await environment.advance(1);
    assert.equal(connection.destroyed, true);
    await environment.runUntilIdle();
    assert.equal(limits.connections, 0);
  });

  it('closes what speaks no DNS', async () => {
    const { environment, connection } = world(() => undefined);
    connection.push(frame(MESSAGE));
    await environment.runUntilIdle();
    assert.equal(connection.destroyed, true);
  });

  it('lets a hundred queries wait, and no more', async () => {
    const { environment, connection } = world(() => new Promise(() => {}));
    for (let index = 0; index < 100; index++) connection.push(frame(MESSAGE));
    await environment.runUntilIdle();
    assert.equal(connection.destroyed, false);
    connection.push(frame(MESSAGE));
    await environment.runUntilIdle();
    assert.equal(connection.destroyed, true);
  });

  it('counts those no more that were answered, also with an error', async () => {
    const { environment, connection } = world((message) => Promise.resolve(Buffer.from(message)));
    for (let index = 0; index < 300; index++) {
      connection.push(frame(MESSAGE));
      await environment.runUntilIdle();
    }
    assert.equal(connection.destroyed, false);
  });

  it('cuts a client off that asks and does not read', async () => {
    const large = Buffer.alloc(60_000);
    const { environment, connection, stopTaking } = world(() => large);
    stopTaking();
    for (let index = 0; index < 17; index++) connection.push(frame(MESSAGE));
    await environment.runUntilIdle();
    assert.equal(connection.destroyed, false);
    connection.push(frame(MESSAGE));
    await environment.runUntilIdle();
    assert.equal(connection.destroyed, true);
  });

  it('closes connections beyond the limit at once', () => {
    const { connection, limits } = world(echo, 0);
    assert.equal(connection.destroyed, true);
    assert.equal(limits.connections, 0);
  });

  it('closes a connection whose answer failed', async () => {
    const { environment, connection } = world(() => Promise.reject(new Error('broken')));
    connection.push(frame(MESSAGE));
    await environment.runUntilIdle();
    assert.equal(connection.destroyed, true);
    assert.equal(environment.lines('warn').length, 1);
  });
});

describe('readFrames', () => {
  it('gives an empty message as such', () => {
    const seen: number[] = [];
    const socket = new Duplex({ read() {} });
    readFrames(socket, (message) => seen.push(message.length));
    socket.emit('data', Buffer.of(0, 0, 0, 1, 7));
    assert.deepEqual(seen, [0, 1]);
  });
});
