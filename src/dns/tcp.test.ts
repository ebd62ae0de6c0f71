import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { Connections } from './connections.ts';
import { frame, readFrames } from './frames.ts';
import { serveConnection, type TcpService } from './tcp.ts';

/** A connection: what comes is pushed, what goes is kept until `take` is called. */
function world(resolve: TcpService['resolve'], max = 10) {
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
  const connections = new Connections({ max, maxOfClient: max });
  serveConnection({ environment, connection, connections, resolve });
  const stopTaking = (): void => {
    isTaking = false;
  };
  return { environment, connection, written, connections, stopTaking };
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
    const { environment, connection, connections } = world(echo);
    await environment.advance(9_000);
    connection.push(frame(MESSAGE));
    await environment.advance(9_999);
    assert.equal(connection.destroyed, false);
    assert.equal(connections.count, 1);
    await environment.advance(1);
    assert.equal(connection.destroyed, true);
    await environment.runUntilIdle();
    assert.equal(connections.count, 0);
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
    const { connection, connections } = world(echo, 0);
    assert.equal(connection.destroyed, true);
    assert.equal(connections.count, 0);
  });

  it('closes a connection whose answer failed', async () => {
    const { environment, connection } = world(() => Promise.reject(new Error('broken')));
    connection.push(frame(MESSAGE));
    await environment.runUntilIdle();
    assert.equal(connection.destroyed, true);
    assert.equal(environment.lines('warn').length, 1);
  });
});

describe('serveConnection, of several clients', () => {
  /** Connections of one server, by their client's address; answers come when `release` is called. */
  function server() {
    const environment = new VirtualEnvironment();
    const connections = new Connections({ max: 5, maxOfClient: 3 });
    const { promise, resolve: answer } = Promise.withResolvers<Uint8Array>();
    const connect = (remoteAddress: string): Duplex => {
      const connection = Object.assign(
        new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }),
        { remoteAddress },
      );
      const resolve = (message: Uint8Array) => (message[0] === 1 ? promise : Buffer.from(message));
      serveConnection({ environment, connection, connections, resolve });
      return connection;
    };
    const ask = async (connection: Duplex, waits: boolean): Promise<void> => {
      connection.push(frame(Buffer.of(waits ? 1 : 2)));
      await environment.runUntilIdle();
    };
    const release = async (): Promise<void> => {
      answer(Buffer.of(1));
      await environment.runUntilIdle();
    };
    return { environment, connections, connect, ask, release };
  }
  const ended = (...all: readonly Duplex[]): boolean[] => all.map(({ destroyed }) => destroyed);

  it('closes the one of a client with too many that was silent for longest', async () => {
    const { connect, ask, connections } = server();
    const [a, b, c, other] = [connect('a'), connect('a'), connect('a'), connect('b')] as const;
    await ask(a, false);
    const d = connect('a');
    assert.deepEqual(ended(a, b, c, d, other), [false, true, false, false, false]);
    await ask(d, false);
    assert.equal(connections.count, 4);
    const e = connect('a');
    assert.deepEqual(ended(a, c, d, e, other), [false, true, false, false, false]);
  });

  it('closes none that waits for an answer: where all do, the new one', async () => {
    const { environment, connect, ask, release, connections } = server();
    const [a, b, c] = [connect('a'), connect('a'), connect('a')] as const;
    await ask(a, true);
    await ask(b, true);
    const d = connect('a');
    assert.deepEqual(ended(a, b, c, d), [false, false, true, false]);
    await ask(d, true);
    const e = connect('a');
    assert.deepEqual(ended(a, b, d, e), [false, false, false, true]);
    await environment.runUntilIdle();
    assert.equal(connections.count, 3);
    await release();
    const f = connect('a');
    assert.deepEqual(ended(a, b, d, f), [true, false, false, false]);
  });

  it('closes new ones of all clients beyond the whole limit, and has room again', async () => {
    const { environment, connect, connections } = server();
    const all = ['a', 'a', 'a', 'b', 'b', 'c'].map((client) => connect(client));
    assert.deepEqual(ended(...all), [false, false, false, false, false, true]);
    // Who has too many makes room for itself.
    assert.deepEqual(ended(connect('a'), ...all.slice(0, 2)), [false, true, false]);
    all[1]?.destroy();
    await environment.runUntilIdle();
    assert.equal(connections.count, 4);
    assert.deepEqual(ended(connect('c'), connect('c')), [false, true]);
    assert.deepEqual(ended(connect('b')), [true]);
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
