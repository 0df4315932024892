// The commands that end a run on the device, in the middle of it and after it.
import { RunPhase } from '../messages/index.ts';
import { Priority } from '../session/send-queue.ts';
import type { Session } from '../session/session.ts';

/** Ends what an earlier session may have left on the device; its data has no owner any more. */
export async function clearLeftovers(session: Session): Promise<void> {
  const status = await session.request('GetStatus', { type: 'getStatus', value: {} }, 'deviceStatus');
  const left = status.run;
  if (left === undefined || left.phase === RunPhase.UNSPECIFIED || left.phase === RunPhase.IDLE) return;
  if (!isEnd(left.phase)) await stopRun(session, left.run);
  await ackRun(session, left.run);
}

/** Ends a run, 0: whatever runs; ahead of everything that waits to be sent. */
export function stopRun(session: Session, run: number): Promise<void> {
  return session.command('StopRun', { type: 'stopRun', value: { run } }, Priority.urgent);
}

/** Lets the device forget a run that has ended. */
export function ackRun(session: Session, run: number): Promise<void> {
  return session.command('AckRun', { type: 'ackRun', value: { run } });
}

/** DONE, STOPPED or FAILED. */
export const isEnd = (phase: number): boolean =>
  phase === RunPhase.DONE || phase === RunPhase.STOPPED || phase === RunPhase.FAILED;
