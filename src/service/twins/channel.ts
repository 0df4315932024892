// The control channel of a twin, as the service uses it: what it answers is checked, what it refuses becomes a problem. Only
// a twin has one, and the service knows of it from its configuration, never from the link.
import { z } from 'zod';
import { ProblemError } from '../problems/problem.ts';

/** Rejects with an error that has code, message, remedy, reason and retryable. */
export interface TwinChannel {
  call(method: string, params?: object): Promise<unknown>;
}

interface ChannelError {
  code: string;
  message: string;
  remedy: string;
  reason: string | null;
}

const description = z.object({
  uid: z.string(),
  units: z.int(),
  profile: z.object({ name: z.string(), digest: z.string() }),
  speed: z.union([z.number(), z.literal('max')]),
});
export const fault = z.looseObject({
  id: z.string(),
  component: z.string(),
  type: z.string(),
  plantedAt_s: z.number(),
  startsAt_s: z.number(),
  endsAt_s: z.number().nullable(),
  inForce: z.boolean(),
});
const faultList = z.object({ deviceTime_s: z.number(), faults: z.array(fault) });
const profile = z.object({ digest: z.string(), profile: z.record(z.string(), z.unknown()) });
const planted = z.object({ fault: z.object({ id: z.string() }).loose().nullable() });
export type FaultList = z.infer<typeof faultList>;

/** All methods reject with ProblemError: twin-unreachable, device-protocol-error, and what the twin refuses. */
export class TwinTalk {
  readonly #channel: TwinChannel;
  readonly #device: string;

  constructor(device: string, channel: TwinChannel) {
    this.#device = device;
    this.#channel = channel;
  }

  describe(): Promise<z.infer<typeof description>> {
    return this.#ask('twin.describe', description);
  }

  profile(): Promise<z.infer<typeof profile>> {
    return this.#ask('profile.get', profile);
  }

  faults(): Promise<FaultList> {
    return this.#ask('faults.list', faultList);
  }

  async clear(id: string): Promise<void> {
    await this.#ask('faults.clear', z.unknown(), { id });
  }

  async clearAll(): Promise<void> {
    await this.#ask('faults.clearAll', z.unknown());
  }

  /** These and no others. When one is refused, those that were there stay, and only they. */
  async replace(faults: readonly object[]): Promise<FaultList> {
    const before = (await this.faults()).faults.map(({ id }) => id);
    const made: string[] = [];
    try {
      for (const [k, wanted] of faults.entries()) {
        const answer = await this.#ask('faults.inject', planted, wanted, `/faults/${k}`);
        if (answer.fault !== null) made.push(answer.fault.id);
      }
    } catch (error) {
      for (const id of made) await this.clear(id).catch(() => undefined);
      throw error;
    }
    for (const id of before) await this.clear(id).catch(forgiveGone);
    return this.faults();
  }

  async #ask<T>(method: string, answer: z.ZodType<T>, params?: object, pointer?: string): Promise<T> {
    let said: unknown;
    try {
      said = await this.#channel.call(method, params);
    } catch (error) {
      throw problemOf(error as ChannelError, this.#device, pointer);
    }
    const parsed = answer.safeParse(said);
    if (parsed.success) return parsed.data;
    throw new ProblemError(
      'device-protocol-error',
      `The twin of ${this.#device} answers ${method} with nonsense.`,
      {
        device: this.#device,
      },
    );
  }
}

/** It ended by itself between the look and the clearing. */
function forgiveGone(error: unknown): void {
  if (!(error instanceof ProblemError) || error.code !== 'unknown-fault') throw error;
}

function problemOf(error: ChannelError, device: string, pointer?: string): ProblemError {
  const { code, message, remedy, reason } = error;
  const about = { device, remedy, cause: error };
  if (code !== 'control-refused') return new ProblemError('twin-unreachable', message, about);
  if (reason === 'unknown-fault') return new ProblemError('unknown-fault', message, about);
  return new ProblemError('validation-failed', message, {
    ...about,
    ...(pointer !== undefined && { errors: [{ pointer, detail: message, allowed: remedy }] }),
  });
}
