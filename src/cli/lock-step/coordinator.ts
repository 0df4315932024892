// The twin's side of a lock-step: it owns virtual time and lets it go on only when both sides have nothing left to do and
// no byte is under way between them (docs/adr/0007).
import { z } from 'zod';
import { ControlError, controlMethod } from '../../../firmware-sim/control/index.ts';
import type { ControlConnection, ControlMethods } from '../../../firmware-sim/control/index.ts';
import type { Clock } from '../../clock/clock.ts';
import { Pace } from '../../clock/pace.ts';
import { settle } from '../../clock/settle.ts';
import type { VirtualClock } from '../../clock/virtual-clock.ts';
import { Agreement, type Verdict } from './agreement.ts';
import type { CountedController, LinkCount } from './counted-link.ts';
import { ALIVE_MS, idleSchema, joinSchema, SILENCE_LIMIT_MS, type IdleReport } from './messages.ts';

/** A paced clock moves, and a wait is looked at again, at least this often. Real time. */
const SLICE_MS = 10;

interface Participant {
  readonly name: string;
  readonly connection: ControlConnection;
  report: IdleReport | null;
  /** Real time of the last word. */
  heard_ms: number;
}

export interface CoordinatorOptions {
  clock: VirtualClock;
  speed: number | 'max';
  link: CountedController;
  /** What the speed is measured against, and silence. */
  real: Clock;
  log: (line: string) => void;
}

export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #agreement = new Agreement();
  #participant: Participant | null = null;
  /** Before the first one has joined, time stands still. */
  #started = false;
  /** An order that the participant has not answered yet. */
  #ordered = false;
  #pace: Pace;
  #stopped = true;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#pace = this.#newPace();
  }

  start(): void {
    this.#stopped = false;
    this.#loop = this.#run();
    this.#beat();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#options.clock.touch();
    await this.#loop;
  }

  /** `clock.get`, `clock.join`, `clock.idle`, `clock.alive`. */
  methods(): ControlMethods {
    const nothing = z.strictObject({});
    return {
      'clock.get': controlMethod({
        params: nothing,
        handle: () => ({
          kind: 'virtual',
          speed: this.#options.speed,
          now_us: this.#options.clock.now_us,
          started: this.#started,
          participant: this.#participant?.name ?? null,
        }),
      }),
      'clock.join': controlMethod({
        params: joinSchema,
        handle: ({ name, ...count }, connection) => this.#join(name, count, connection),
      }),
      'clock.idle': controlMethod({
        params: idleSchema,
        handle: (report, connection) => this.#take(report, connection),
      }),
      'clock.alive': controlMethod({
        params: nothing,
        handle: (_, connection) => {
          if (this.#participant?.connection === connection) this.#participant.heard_ms = this.#now_ms();
        },
      }),
    };
  }

  #join(
    name: string,
    count: LinkCount,
    connection: ControlConnection,
  ): { now_us: number; speed: number | 'max' } {
    const { clock, speed, log } = this.#options;
    if (this.#participant !== null) {
      throw new ControlError('clock-taken', `${this.#participant.name} is in lock-step already`, {
        remedy: 'Stop that service first, or give it time: it is let go once its connection is gone.',
        retryable: true,
      });
    }
    this.#participant = { name, connection, report: null, heard_ms: this.#now_ms() };
    this.#agreement.restart(count, this.#options.link.count);
    this.#ordered = false;
    this.#started = true;
    this.#pace = this.#newPace();
    connection.onClosed(() => this.#leave(connection, 'closed its connection'));
    log(`${name} has joined at ${inSeconds(clock.now_us)} of virtual time; speed ${speed}`);
    clock.touch();
    return { now_us: clock.now_us, speed };
  }

  #take(report: IdleReport, connection: ControlConnection): void {
    const participant = this.#participant;
    if (participant?.connection !== connection) return;
    participant.heard_ms = this.#now_ms();
    if (report.at_us < this.#options.clock.now_us) return this.#drop('reported a time that is over');
    participant.report = report;
    this.#ordered = false;
    this.#openWhenLevel();
    this.#options.clock.touch();
  }

  #drop(why: string): void {
    const connection = this.#participant?.connection;
    if (connection === undefined) return;
    this.#leave(connection, why);
    connection.close();
  }

  #leave(connection: ControlConnection, why: string): void {
    const { clock, log } = this.#options;
    if (this.#participant?.connection !== connection) return;
    const { name } = this.#participant;
    this.#participant = null;
    this.#ordered = false;
    this.#pace = this.#newPace();
    this.#openWhenLevel();
    clock.touch();
    if (this.#stopped) return;
    const at = inSeconds(clock.now_us);
    log(`${name} ${why} at ${at} of virtual time, which goes on at speed ${this.#speedNow()}`);
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (await settle(clock, () => this.#stopped)) {
      const participant = this.#participant;
      if (participant !== null && this.#now_ms() - participant.heard_ms > SILENCE_LIMIT_MS) {
        this.#drop(`has said nothing for ${SILENCE_LIMIT_MS / 1000} s`);
        continue;
      }
      const ahead_us = participant?.report?.at_us ?? 0;
      if (ahead_us > clock.now_us) {
        // The participant went first; what it has sent since then waits until this side is there too.
        clock.advanceTo(Math.min(clock.nextDue_us, ahead_us));
        this.#openWhenLevel();
        continue;
      }
      const target_us = this.#target_us();
      if (target_us <= clock.now_us || target_us === Infinity) await this.#pause();
      else if (participant === null) clock.advanceTo(target_us);
      else this.#order(participant, target_us);
    }
  }

  /** How far time may go now; 0 for not at all. */
  #target_us(): number {
    const { clock, link, log } = this.#options;
    if (!this.#started || this.#ordered) return 0;
    const allowed_us = Math.min(clock.nextDue_us, this.#pace.allowed_us(this.#now_ms(), clock.now_us));
    if (this.#participant === null) return allowed_us;
    const { report } = this.#participant;
    if (report === null) return 0;
    const verdict = this.#agreement.judge(report, link.count, this.#now_ms());
    if (verdict.kind === 'ask') this.#participant.connection.notify('clock.look', { look: verdict.look });
    if (verdict.kind === 'under-way' || verdict.kind === 'ask') return 0;
    if (verdict.kind === 'lost') {
      log(`${lossIn(verdict)}; virtual time goes on at ${inSeconds(clock.now_us)}`);
    }
    return Math.min(allowed_us, report.until_us ?? Infinity);
  }

  /** The participant goes first: it may have something to do by now, and then declines with another report. */
  #order({ connection, report }: Participant, to_us: number): void {
    this.#ordered = true;
    this.#options.link.shut();
    connection.notify('clock.advance', { to_us, report: report?.report });
  }

  #openWhenLevel(): void {
    const ahead_us = this.#participant?.report?.at_us ?? 0;
    if (!this.#ordered && ahead_us <= this.#options.clock.now_us) this.#options.link.open();
  }

  /** Until something happens, or for a slice. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const slice = this.#options.real.after(SLICE_MS, () => {
        forget();
        resolve();
      });
      const forget = this.#options.clock.onceChanged(() => {
        slice.cancel();
        resolve();
      });
    });
  }

  #beat(): void {
    if (this.#stopped) return;
    this.#participant?.connection.notify('clock.alive');
    this.#options.real.after(ALIVE_MS, () => this.#beat());
  }

  #newPace(): Pace {
    return new Pace(this.#speedNow(), this.#now_ms(), this.#options.clock.now_us);
  }

  /** Alone, there is no work that could set a limit to 'max'. */
  #speedNow(): number | 'max' {
    const { speed } = this.#options;
    return this.#participant === null && speed === 'max' ? 1 : speed;
  }

  #now_ms(): number {
    return this.#options.real.now_ms();
  }
}

/** The methods of a twin whose time is the machine's. */
export function realTimeMethods(): ControlMethods {
  return {
    'clock.get': controlMethod({
      params: z.strictObject({}),
      handle: () => ({ kind: 'system', speed: 1 }),
    }),
    'clock.join': controlMethod({
      params: joinSchema,
      handle: () => {
        throw new ControlError('not-virtual', 'the time of this twin is the time of the machine', {
          remedy: 'Leave out --clock, or start the twin with --speed 100 or --speed max.',
        });
      },
    }),
  };
}

function lossIn({ toDevice_bytes, toHost_bytes }: Extract<Verdict, { kind: 'lost' }>): string {
  if (toDevice_bytes < 0 || toHost_bytes < 0) return 'bytes that were given up have arrived after all';
  return `${toDevice_bytes} bytes to the device and ${toHost_bytes} to the host did not arrive`;
}

const inSeconds = (time_us: number): string => `${(time_us / 1e6).toFixed(3)} s`;
