// Everything that a session decides freely: time, random numbers, who it is and where its request ids begin. A recorder
// around the port keeps these choices, and a replay hands the recorded ones back, so that the same bytes come again.
import type { Clock } from '../../clock/clock.ts';
import type { Port } from '../../transports/port.ts';
import { fitText } from '../messages/index.ts';
import type { HelloFacts } from './handshake.ts';
import { RequestIds, requestIdsOf } from './request-table.ts';

export interface HostOptions {
  /** A closed port; connecting opens it, and closes it again when it fails. */
  port: Port;
  clock: Clock;
  /** Uniform 32-bit numbers: nonces and run tokens. */
  random32(): number;
  /** Random per host process; scopes request ids, which go on counting when the same client connects again. */
  clientId: number;
  hostVersion: string;
  /** Lease fence; a device refuses one lower than the highest it has seen (decision 11). */
  fence?: bigint;
  /** Hexadecimal uid; another device is refused as `wrong-device`. */
  expectUid?: string;
}

export class HostChoices {
  readonly clock: Clock;
  readonly #options: HostOptions;

  constructor(options: HostOptions) {
    this.#options = options;
    this.clock = options.port.tap?.clock ?? options.clock;
  }

  /** Nobody answers at this port: it plays a recording. */
  get isReplay(): boolean {
    return this.#options.port.tap?.isReplay ?? false;
  }

  random32(): number {
    return this.#choose('random32', this.#options.random32() >>> 0);
  }

  /** For one attempt to connect; asked for when the port is open, because a replay knows its recording only then. */
  helloFacts(): HelloFacts {
    const { clientId, hostVersion, fence = 0n, expectUid } = this.#options;
    return {
      nonce: this.random32(),
      clientId: this.#choose('clientId', clientId >>> 0),
      hostVersion: this.#choose('hostVersion', fitText('HostHello', 'hostVersion', hostVersion)),
      fence: BigInt(this.#choose('fence', String(fence))),
      expectUid,
    };
  }

  requestIds(clientId: number): RequestIds {
    const ids = requestIdsOf(clientId);
    const first = this.#choose('firstRequestId', ids.peek);
    return this.isReplay ? new RequestIds(first) : ids;
  }

  /** The link ended, for whatever reason. */
  linkEnded(code: string, established: boolean): void {
    this.#options.port.tap?.linkEnded(code, established);
  }

  #choose<T extends number | string>(what: string, value: T): T {
    return this.#options.port.tap?.choose(what, value) ?? value;
  }
}
