// Stands between the hosts and one twin and sees every byte of both: which host greeted the twin under which fence, which
// session the twin gave, and who asked for what within it. So it says who drove the chip, whatever the hosts believe.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { FrameKind, StreamDecoder, USB_MAX_PAYLOAD, type Frame } from '../../src/link/frame/index.ts';
import { decodeDeviceHello, decodeEnvelope, decodeHostHello } from '../../src/link/messages/index.ts';

interface Greeting {
  clientId: number;
  fence: bigint;
}

/** What drives the chip, or changes what it would do; the rest asks, or stops it. */
const DRIVES = new Set(['startRun', 'readReference', 'beginLoad', 'activate', 'clearFault']);

export class Witness {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Map<number, Greeting>();
  #current: Greeting | null = null;
  #highestFence = 0n;
  /** Greetings that the twin accepted from another client than before. */
  takeovers = 0;
  /** Greetings that the twin refused for their fence. */
  refusedFences = 0;
  /** Runs that were asked for by the client whose session is the twin's. */
  runs = 0;
  /** Commands that drive the chip, sent by a host after the twin had accepted another one. */
  readonly twoDrivers: string[] = [];

  constructor(target: { host: string; port: number }) {
    this.#server = createServer((host) => this.#join(host, connect({ ...target, noDelay: true })));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #join(host: Socket, twin: Socket): void {
    const greetings = new Map<number, Greeting>();
    const fromHost = decoder('device', (frame) => this.#asked(frame, greetings));
    const fromTwin = decoder('host', (frame) => this.#answered(frame, greetings));
    host.setNoDelay(true);
    host.on('data', (bytes) => {
      fromHost.push(bytes);
      twin.write(bytes);
    });
    twin.on('data', (bytes) => {
      fromTwin.push(bytes);
      host.write(bytes);
    });
    for (const [one, other] of [
      [host, twin],
      [twin, host],
    ]) {
      this.#sockets.add(one);
      one.on('error', () => {}); // 'close' follows
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }

  #asked(frame: Frame, greetings: Map<number, Greeting>): void {
    if (frame.kind === FrameKind.hello) {
      const hello = decodeHostHello(frame.payload);
      if (hello.ok)
        greetings.set(hello.value.hostNonce, { clientId: hello.value.clientId, fence: hello.value.fence });
      return;
    }
    if (frame.kind !== FrameKind.rpc) return;
    const envelope = decodeEnvelope(frame.payload);
    const type = envelope.ok ? envelope.value.body?.type : undefined;
    if (type === undefined || !DRIVES.has(type)) return;
    const by = this.#sessions.get(frame.session);
    if (by === undefined) return;
    if (by.clientId !== this.#current?.clientId || by.fence < this.#highestFence)
      this.twoDrivers.push(
        `${type} of client ${by.clientId} under fence ${by.fence}, below ${this.#highestFence}`,
      );
    else if (type === 'startRun') this.runs++;
  }

  #answered(frame: Frame, greetings: Map<number, Greeting>): void {
    if (frame.kind !== FrameKind.hello) return;
    const hello = decodeDeviceHello(frame.payload);
    if (!hello.ok) return;
    const greeting = greetings.get(hello.value.hostNonce);
    if (greeting === undefined) return;
    if (hello.value.refused !== undefined) {
      this.refusedFences++;
      return;
    }
    const isTakeover = this.#current !== null && this.#current.clientId !== greeting.clientId;
    if (isTakeover) this.takeovers++;
    // A new driver comes under a higher fence; whoever was driven out and comes back with his old one is a second driver.
    if (greeting.fence < this.#highestFence || (isTakeover && greeting.fence === this.#highestFence))
      this.twoDrivers.push(`the twin accepted fence ${greeting.fence} after ${this.#highestFence}`);
    else this.#highestFence = greeting.fence;
    this.#current = greeting;
    this.#sessions.set(hello.value.session, greeting);
  }
}

function decoder(role: 'host' | 'device', onFrame: (frame: Frame) => void): StreamDecoder {
  return new StreamDecoder({
    role,
    maxPayload: USB_MAX_PAYLOAD,
    onResult: (result) => {
      if (result.kind === 'frame') onFrame(result.frame);
    },
  });
}
