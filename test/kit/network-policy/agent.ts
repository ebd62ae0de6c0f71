/**
 * What runs in the network namespace of a pod: it listens, and tries what it is told to. One process
 * for TCP and UDP (Node), one for SCTP (Perl, because Node has no raw sockets and few kernels have
 * sockets of SCTP): it sends and sees whole packets, so that none but the rules between decide.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { initPacket } from './sctp.ts';

/**
 * argv: ports and addresses to listen at. A line is the time-out in ms and targets, its answer
 * whether each of them answered.
 */
const SOCKETS = `
const net = require('node:net'), dgram = require('node:dgram');
// A port of its own for each try: a flow of UDP that was let in stays for a while.
let last = 1023;
const typeOf = (host) => host.includes(':') ? 'udp6' : 'udp4';
const listen = (port, host) => Promise.all([
  new Promise((up) => net.createServer((s) => s.on('error', () => {}).end('y')).listen(port, host, 511, up)),
  new Promise((up) => {
    const u = dgram.createSocket(typeOf(host));
    u.on('message', (m, r) => u.send('y', r.port, r.address)).bind(port, host, up);
  }),
]);
const tcp = (localAddress, host, port, ms) => new Promise((done) => {
  const s = net.connect({ localAddress, localPort: ++last, host, port });
  const end = (answer) => { clearTimeout(timer); s.destroy(); done(answer); };
  const timer = setTimeout(end, ms, false);
  s.on('connect', () => end(true)).on('error', () => end(false));
});
const udp = (own, host, port, ms) => new Promise((done) => {
  const u = dgram.createSocket(typeOf(host));
  const end = (answer) => { clearTimeout(timer); u.close(); done(answer); };
  const timer = setTimeout(end, ms, false);
  u.once('message', () => end(true)).on('error', () => end(false));
  u.bind(++last, own, () => u.send('x', port, host, () => {}));
});
const [ports, hosts] = process.argv.slice(1).map((text) => text.split(','));
Promise.all(hosts.flatMap((host) => ports.map((port) => listen(Number(port), host)))).then(() => {
  console.log('"up"');
  require('node:readline').createInterface({ input: process.stdin }).on('line', async (line) => {
    const [ms, targets] = JSON.parse(line);
    const tries = targets.map(([protocol, own, host, port]) => (protocol === 'UDP' ? udp : tcp)(own, host, port, ms));
    console.log(JSON.stringify(await Promise.all(tries)));
  });
});`;

/** A line is an address and a packet in hex; what comes in is told as its header. */
const PACKETS = `
use Socket qw(:all); $| = 1;
socket(my $v4, AF_INET, SOCK_RAW, 132) or die; socket(my $v6, AF_INET6, SOCK_RAW, 132) or die;
print "\\"up\\"\\n";
my $rest = '';
while (1) {
  my $bits = ''; vec($bits, fileno($_), 1) = 1 for (*STDIN, $v4, $v6);
  select($bits, undef, undef, undef);
  if (vec($bits, fileno(STDIN), 1)) {
    sysread(STDIN, $rest, 65536, length $rest) or exit;
    while ($rest =~ s/^(\\S+) (\\S+)\\n//) {
      my ($to, $packet) = ($1, pack('H*', $2));
      if ($to =~ /:/) { send($v6, $packet, 0, pack_sockaddr_in6(0, inet_pton(AF_INET6, $to))) }
      else { send($v4, $packet, 0, pack_sockaddr_in(0, inet_aton($to))) }
    }
  }
  for my $own ($v4, $v6) {
    next unless vec($bits, fileno($own), 1);
    recv($own, my $packet, 4096, 0);
    $packet = substr($packet, 4 * (ord($packet) & 15)) if $own == $v4;
    print '"' . unpack('H*', substr($packet, 0, 12)) . "\\"\\n";
  }
}`;

export type Target = readonly [protocol: string, own: string, host: string, port: number];

export interface AgentOptions {
  readonly namespace: string;
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
  /** It can send and see packets of SCTP. */
  readonly hasPackets: boolean;
}

class Lines {
  readonly process: ChildProcess;
  readonly #queue: unknown[] = [];
  #take: (() => void) | undefined;

  constructor(namespace: string, command: readonly string[]) {
    const args = ['netns', 'exec', namespace, ...command];
    this.process = spawn('ip', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.process.stdout! }).on('line', (line) => {
      this.#queue.push(JSON.parse(line));
      this.#take?.();
    });
  }

  write(text: string): void {
    this.process.stdin!.write(text);
  }

  /** The next line as a value. */
  async next(): Promise<unknown> {
    while (this.#queue.length === 0) await new Promise<void>((resolve) => (this.#take = resolve));
    return this.#queue.shift();
  }

  /** What has come and was not asked for. */
  all(): unknown[] {
    return this.#queue.splice(0);
  }
}

export class Agent {
  readonly #sockets: Lines;
  readonly #packets: Lines | undefined;

  /** Listens by TCP and UDP. */
  constructor({ namespace, addresses, ports, hasPackets }: AgentOptions) {
    const listening = [ports.join(), addresses.join()];
    this.#sockets = new Lines(namespace, [process.execPath, '-e', SOCKETS, ...listening]);
    if (hasPackets) this.#packets = new Lines(namespace, ['perl', '-e', PACKETS]);
  }

  async up(): Promise<void> {
    await Promise.all([this.#sockets.next(), this.#packets?.next()]);
  }

  close(): void {
    this.#sockets.process.kill('SIGKILL');
    this.#packets?.process.kill('SIGKILL');
  }

  /** Which of `targets` answer within `timeoutMs`. One call at a time. */
  async ask(targets: readonly Target[], timeoutMs: number): Promise<boolean[]> {
    this.#sockets.write(`${JSON.stringify([timeoutMs, targets])}\n`);
    return (await this.#sockets.next()) as boolean[];
  }

  /** Begins an association of SCTP with `host` and leaves it at that. `from`: a port to know it by. */
  send(host: string, port: number, from: number): void {
    this.#packets?.write(`${host} ${initPacket(port, from).toString('hex')}\n`);
  }

  /** The ports from which has been sent to this one since the last call. */
  received(): number[] {
    const heads = this.#packets?.all() ?? [];
    return heads.map((head) => Number.parseInt(String(head).slice(0, 4), 16));
  }
}
