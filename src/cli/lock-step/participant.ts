// The service's side of a lock-step: a virtual clock that goes on when the twin says so. It reports that it has nothing
// left to do, and every change after that with another report; without a twin it keeps the machine's pace and joins anew.
import { systemClock, type Clock } from '../../clock/clock.ts';
import { settle } from '../../clock/settle.ts';
import { VirtualClock } from '../../clock/virtual-clock.ts';
import { VirtualTime } from '../../clock/virtual-time.ts';
import type { Port } from '../../transports/index.ts';
import { TwinControl } from '../control/client.ts';
import { ControlClientError } from '../control/errors.ts';
import { countedPort, noCount } from './counted-link.ts';
import { advanceSchema, ALIVE_MS, joinedSchema, lookSchema, SILENCE_LIMIT_MS } from './messages.ts';

const REJOIN_MS = 1000;

export interface ParticipantOptions {
  /** How the twin's log names this side. */
  name: string;
  log(level: 'info' | 'warn', message: string, fields: object): void;
  /** Measures silence and paces time without a twin. */
  real?: Clock;
}

export class Participant {
  /** The time of device and link. */
  readonly clock: VirtualClock;
  readonly #address: string;
  readonly #options: ParticipantOptions;
  readonly #real: Clock;
  readonly #count = noCount();
  readonly #alone: VirtualTime;
  #control: TwinControl | null = null;
  /** Time of the twin minus time of this clock, which never goes back. */
  #offset_us = 0;
  #report = 0;
  /** Changes of the clock up to the last report. */
  #reported = -1;
  #looked = 0;
  #heard_ms = 0;
  #closed = false;
  #loop: Promise<void> = Promise.resolve();

  private constructor(address: string, options: ParticipantOptions) {
    this.#address = address;
    this.#options = options;
    this.#real = options.real ?? systemClock;
    this.clock = new VirtualClock({ origin_ms: this.#real.wall_ms() });
    this.#alone = new VirtualTime(this.clock, { speed: 1, real: this.#real });
  }

  /**
   * Joins the clock of the twin with this control channel.
   * @throws {ControlClientError}
   */
  static async join(address: string, options: ParticipantOptions): Promise<Participant> {
    const participant = new Participant(address, options);
    await participant.#join();
    participant.#beat();
    return participant;
  }

  /** Counts what goes through a port to the twin. */
  counted(port: Port): Port {
    return countedPort(port, this.#count, this.clock);
  }

  /** Time stands still once it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#control?.close();
    this.#control = null;
    this.clock.touch();
    await this.#loop;
    await this.#alone.stop();
  }

  async #join(): Promise<void> {
    const { control } = await TwinControl.connect(this.#address);
    control.onNotification((method, params) => this.#hear(control, method, params));
    control.onClosed(({ message }) => this.#leave(control, message));
    const answer = joinedSchema.safeParse(
      await control
        .call('clock.join', { name: this.#options.name, ...this.#count })
        .catch((error: unknown) => {
          control.close();
          throw error;
        }),
    );
    if (!answer.success) {
      control.close();
      throw new ControlClientError('not-a-control-channel', `${this.#address} gives no time`);
    }
    await this.#alone.stop();
    if (this.#closed) return control.close();
    const { now_us, speed } = answer.data;
    this.clock.setSpeed(speed);
    this.#offset_us = now_us - this.clock.now_us;
    this.#heard_ms = this.#real.now_ms();
    this.#looked = 0;
    this.#control = control;
    this.#options.log('info', 'time is virtual, in lock-step with the twin', { clock: this.#address, speed });
    this.#loop = this.#run(control);
  }

  async #run(control: TwinControl): Promise<void> {
    const { clock } = this;
    const left = (): boolean => this.#control !== control;
    while (await settle(clock, left)) {
      const { nextDue_us } = clock;
      this.#reported = clock.changes;
      control.notify('clock.idle', {
        report: (this.#report += 1),
        at_us: clock.now_us + this.#offset_us,
        until_us: nextDue_us === Infinity ? null : nextDue_us + this.#offset_us,
        looked: this.#looked,
        ...this.#count,
      });
      await new Promise<void>((resolve) => clock.onceChanged(resolve));
    }
  }

  #hear(control: TwinControl, method: string, params: unknown): void {
    this.#heard_ms = this.#real.now_ms();
    if (control !== this.#control) return;
    if (method === 'clock.look') this.#look(params);
    else if (method === 'clock.advance') this.#advance(params);
  }

  #look(params: unknown): void {
    const look = lookSchema.safeParse(params);
    if (!look.success) return;
    this.#looked = look.data.look;
    this.clock.touch();
  }

  #advance(params: unknown): void {
    const order = advanceSchema.safeParse(params);
    // What is not true any more is not done; the report that follows every change says what is.
    if (!order.success || order.data.report !== this.#report || this.clock.changes !== this.#reported) return;
    const to_us = order.data.to_us - this.#offset_us;
    if (to_us < this.clock.now_us || to_us > this.clock.nextDue_us) return;
    this.clock.advanceTo(to_us);
    this.clock.touch();
  }

  #leave(control: TwinControl, why: string): void {
    if (this.#control !== control) return;
    this.#control = null;
    this.clock.touch();
    if (this.#closed) return;
    this.#options.log(
      'warn',
      'out of lock-step: time runs at the pace of the machine until the twin is back',
      {
        clock: this.#address,
        why,
      },
    );
    this.#loop = this.#loop.then(() => {
      if (!this.#closed) this.#alone.start();
    });
    this.#rejoinLater();
  }

  #rejoinLater(): void {
    this.#real.after(REJOIN_MS, () => {
      if (this.#closed || this.#control !== null) return;
      this.#join().catch(() => {
        if (this.#closed) return;
        this.#alone.start();
        this.#rejoinLater();
      });
    });
  }

  #beat(): void {
    if (this.#closed) return;
    const control = this.#control;
    if (control !== null && this.#real.now_ms() - this.#heard_ms > SILENCE_LIMIT_MS) {
      control.close();
      this.#leave(control, `the twin has said nothing for ${SILENCE_LIMIT_MS / 1000} s`);
    } else control?.notify('clock.alive');
    this.#real.after(ALIVE_MS, () => this.#beat());
  }
}
