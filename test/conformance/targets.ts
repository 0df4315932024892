// What the conformance suite of the link runs against: the same firmware and analog core behind each transport, its
// recording, and, when one is named, a device that somebody else has started.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTwinCore, type AnalogCore } from '../../firmware-sim/chip/index.ts';
import {
  createController,
  twinCapabilities,
  twinLimits,
  type Controller,
} from '../../firmware-sim/firmware/index.ts';
import { attachMemory, servePty, serveTcp } from '../../firmware-sim/ports/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { connect, createCaptureDecoder, type Link } from '../../src/link/index.ts';
import {
  CaptureWriter,
  createMemoryPair,
  openPort,
  RecorderPort,
  type Port,
} from '../../src/transports/index.ts';
import { lossyPort, type Damage } from '../support/lossy-port.ts';
import { seededRandom32 } from '../support/seeded-random.ts';

export const UNITS = 256;
export const UID = '0102';

/** A device that has just booted, and a cable to it. */
export interface Board {
  /** A new cable, with this damage on it, and a link over it. */
  plug(options?: { damage?: Damage; clientId?: number }): Promise<Link>;
  /** Pulls the cable; the next plug() finds the device as it was. */
  unplug(): Promise<void>;
}

export interface Target {
  name: string;
  /** Why it is not there, or null. */
  absent: string | null;
  /** Cables can be pulled from here. */
  canUnplug: boolean;
  /** The operating system keeps a second host off the line, before the device could. */
  isExclusive: boolean;
  /** Boots a board and does `scenario` with it; a recording does it twice, the second time without a board. */
  perform(seed: number, scenario: (board: Board) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Where the boards of a target are reached. */
interface Socket {
  openPort(): Promise<Port>;
  unplug(): Promise<void>;
  close(): Promise<void>;
}

const never = new AbortController().signal;
const noSocat = spawnSync('socat', ['-V']).error?.message;
const DEVICE = process.env['THERMOLOOP_CONFORMANCE_DEVICE'];

/** All targets; those that are absent say why. */
export function conformanceTargets(): Target[] {
  return [
    twinTarget('memory', memorySocket),
    twinTarget('tcp', tcpSocket),
    twinTarget(
      'pty',
      ptySocket,
      noSocat === undefined ? null : `socat is not installed: ${noSocat} (apt-get install socat)`,
    ),
    replayTarget(),
    deviceTarget(),
  ];
}

let coreUsers = 0;
let core: Promise<AnalogCore> | null = null;
function takeCore(): Promise<AnalogCore> {
  coreUsers += 1;
  return (core ??= createTwinCore({ units: UNITS, threads: 1, noiseTemperatureError_ratio: 0 }));
}
async function giveCore(): Promise<void> {
  coreUsers -= 1;
  const unused = coreUsers === 0 ? core : null;
  if (unused !== null) core = null;
  await (await unused)?.close();
}

async function boot(seed: number): Promise<Controller> {
  return createController({
    core: await takeCore(),
    clock: systemClock,
    random32: seededRandom32(seed),
    drawSeed: () => 1n,
    identity: {
      uid: Uint8Array.from(Buffer.from(UID, 'hex')),
      firmwareVersion: 'test',
      firmwareGit: new Uint8Array(0),
      simulated: true,
    },
    capabilities: twinCapabilities(UNITS),
    limits: twinLimits(UNITS),
  });
}

let cables = 0;
async function link(port: Port, clientId: number): Promise<Link> {
  cables += 1;
  const random32 = seededRandom32(cables);
  return connect({ port, clock: systemClock, random32, clientId, hostVersion: 'test' });
}

let clients = 1000;
function boardOn(
  openCable: () => Promise<Port>,
  unplug: () => Promise<void>,
  wrap = (port: Port): Port => port,
): Board {
  return {
    async plug({ damage, clientId = (clients += 1) } = {}) {
      const port = await openCable();
      return link(wrap(damage === undefined ? port : lossyPort(port, damage)), clientId);
    },
    unplug,
  };
}

function twinTarget(
  name: string,
  makeSocket: (controller: Controller) => Promise<Socket>,
  absent: string | null = null,
): Target {
  return {
    name,
    absent,
    canUnplug: true,
    isExclusive: name === 'pty',
    async perform(seed, scenario) {
      const controller = await boot(seed);
      const socket = await makeSocket(controller);
      try {
        await scenario(
          boardOn(
            () => socket.openPort(),
            () => socket.unplug(),
          ),
        );
      } finally {
        await socket.close();
        controller.close();
        await giveCore();
      }
    },
    close: () => Promise.resolve(),
  };
}

function memorySocket(controller: Controller): Promise<Socket> {
  let far: Port | null = null;
  let pairs = 0;
  return Promise.resolve({
    async openPort() {
      const [near, other] = createMemoryPair({ maxPieceBytes: 3000, seed: (pairs += 1) });
      far = other;
      attachMemory(controller, other);
      await other.open(never);
      return near;
    },
    unplug: async () => far?.close(),
    close: async () => far?.close(),
  });
}

async function tcpSocket(controller: Controller): Promise<Socket> {
  let server = await serveTcp(controller, { host: '127.0.0.1', port: 0 });
  const { port } = server;
  return {
    openPort: () => Promise.resolve(openPort(`tcp://127.0.0.1:${port}`)),
    async unplug() {
      await server.close();
      server = await serveTcp(controller, { host: '127.0.0.1', port });
    },
    close: () => server.close(),
  };
}

async function ptySocket(controller: Controller): Promise<Socket> {
  const folder = await mkdtemp(join(tmpdir(), 'thermoloop-conformance-'));
  const path = join(folder, 'line');
  let pty = await servePty(controller, path);
  return {
    openPort: () => Promise.resolve(openPort(`serial://${path}?baud=921600`)),
    async unplug() {
      await pty.close();
      pty = await servePty(controller, path);
    },
    async close() {
      await pty.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** Each scenario over recorded memory ports, then its host side alone against the captures. */
function replayTarget(): Target {
  let folder: string | null = null;
  let scenarios = 0;
  return {
    name: 'replay',
    absent: null,
    canUnplug: true,
    isExclusive: false,
    async perform(seed, scenario) {
      folder ??= await mkdtemp(join(tmpdir(), 'thermoloop-conformance-'));
      const name = join(folder, `${(scenarios += 1)}`);
      let recorded = 0;
      const record = (port: Port): Port => recorderAround(port, `${name}-${(recorded += 1)}.mcap`);
      const controller = await boot(seed);
      const socket = await memorySocket(controller);
      try {
        await scenario(
          boardOn(
            () => socket.openPort(),
            () => socket.unplug(),
            record,
          ),
        );
      } finally {
        await socket.close();
        controller.close();
        await giveCore();
      }
      let replayed = 0;
      const replay = (): Port => openPort(`replay:${name}-${(replayed += 1)}.mcap?patience=20`);
      await scenario({ plug: () => link(replay(), 1), unplug: () => Promise.resolve() });
    },
    close: async () => void (folder !== null && (await rm(folder, { recursive: true }))),
  };
}

function recorderAround(port: Port, path: string): Port {
  return new RecorderPort(port, {
    clock: systemClock,
    startSink: (start) =>
      new CaptureWriter({
        path,
        facts: { ...start, dropped_bytes: 0 },
        decoder: createCaptureDecoder(),
        onFault: (error) => {
          throw error;
        },
      }),
  });
}

function deviceTarget(): Target {
  const absent =
    DEVICE === undefined
      ? `THERMOLOOP_CONFORMANCE_DEVICE names none, such as tcp://127.0.0.1:7700; it must have ${UNITS} units and take seeds`
      : null;
  return {
    name: 'device',
    absent,
    canUnplug: false,
    isExclusive: DEVICE?.startsWith('serial:') ?? false,
    perform: (_seed, scenario) =>
      scenario(
        boardOn(
          () => Promise.resolve(openPort(DEVICE ?? '')),
          () => Promise.resolve(),
        ),
      ),
    close: () => Promise.resolve(),
  };
}
