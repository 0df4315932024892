// What each request does to the board. Execution is separate from the reply cache (rpc.ts): here a request is executed,
// there it is decided whether it is.
import { CoreRefusal } from '../chip/analog-core.ts';
import { Code, Detail, FaultCode } from '../../src/link/messages/index.ts';
import type { Activate, Envelope, ReadReference, StartRun, Status } from '../../src/link/messages/index.ts';
import type { Boot } from './boot.ts';
import { decodeProgram } from './images/image.ts';
import { ID_BYTES } from './images/load-order.ts';
import { planReference } from './runs/reference.ts';
import { firstBatch } from './runs/run-engine.ts';
import { planRun } from './runs/schedule.ts';
import type { RunPlan } from './runs/schedule.ts';
import { OK_STATUS, statusOf, statusOfCoreRefusal } from './status.ts';
import type { Outcome } from './status.ts';

export type RequestBody = NonNullable<Envelope['body']>;

export interface Reply {
  status: Status;
  body?: RequestBody;
  /** Happens after the reply is on its way. */
  then?: () => void;
}

const DONE: Reply = { status: OK_STATUS };
const no = (code: Code, detail: Detail, message: string): Reply => ({
  status: statusOf(code, detail, message),
});

/** Read-only requests are executed again when they are repeated. */
export function isReadOnly(body: RequestBody | undefined): boolean {
  return body?.type === 'getStatus' || body?.type === 'getCapabilities' || body?.type === 'ping';
}

/** Executes one request; only Activate may have to wait, for a batch that is being given up. */
export function execute(
  boot: Boot,
  body: RequestBody | undefined,
  reset: () => void,
): Reply | Promise<Reply> {
  const { engine, loads, options, telemetry } = boot;
  switch (body?.type) {
    case 'getStatus':
      return { status: OK_STATUS, body: { type: 'deviceStatus', value: boot.status() } };
    case 'getCapabilities':
      return { status: OK_STATUS, body: { type: 'capabilities', value: options.capabilities } };
    case 'ping':
      return { status: OK_STATUS, body };
    case 'beginLoad':
      return replyOf(loads.begin(body.value), (value) => ({
        status: OK_STATUS,
        body: { type: 'loadAccepted', value },
      }));
    case 'finishLoad':
      return replyOf(loads.finish(body.value), ({ status, result }) => ({
        status,
        body: { type: 'loadResult', value: result },
      }));
    case 'abortLoad':
      loads.abort(body.value.transfer);
      return DONE;
    case 'activate':
      return activate(boot, body.value);
    case 'startRun':
      return startRun(boot, body.value);
    case 'readReference':
      return readReference(boot, body.value);
    case 'streamCredit':
      engine.credit(body.value);
      return DONE;
    case 'stopRun':
      engine.stop(body.value.run);
      return DONE;
    case 'ackRun':
      engine.acknowledge(body.value.run);
      return DONE;
    case 'clearFault':
      return clearFault(boot, body.value.code);
    case 'subscribeTelemetry':
      return replyOf(telemetry.subscribe(body.value), () => DONE);
    case 'reset':
      // A reset that was meant for an earlier boot has happened already.
      return body.value.bootId === boot.id ? { status: OK_STATUS, then: reset } : DONE;
    default:
      return no(
        Code.UNIMPLEMENTED,
        Detail.UNSPECIFIED,
        `this device does not know ${body?.type ?? 'that request'}`,
      );
  }
}

/** Heat is cleared by cooling: until then the fault stays, whoever asks. */
function clearFault(boot: Boot, code: FaultCode): Reply {
  const warm = code === FaultCode.OVER_TEMP ? (boot.thermal?.clear() ?? null) : null;
  if (warm !== null) {
    const message = `the die is at ${warm.die_C.toFixed(1)} C; this clears below ${warm.below_C.toFixed(1)} C`;
    return no(Code.FAILED_PRECONDITION, Detail.OVER_TEMP, message);
  }
  boot.faults.clear(code);
  return DONE;
}

function replyOf<T>(outcome: Outcome<T>, reply: (value: T) => Reply): Reply {
  return outcome.ok ? reply(outcome.value) : { status: outcome.status };
}

/** Compare-and-swap of the active bank; repeated after success it is fine. */
function activate(boot: Boot, request: Activate): Reply | Promise<Reply> {
  if (boot.engine.live)
    return no(Code.FAILED_PRECONDITION, Detail.BANK_BUSY, 'a run is active: stop it first');
  const waiting = boot.gate.idle();
  if (waiting !== null) return waiting.then(() => activate(boot, request));

  if (request.programId.length !== ID_BYTES) {
    return no(Code.INVALID_ARGUMENT, Detail.UNSPECIFIED, `program_id has ${request.programId.length} bytes`);
  }
  const id = hex(request.programId);
  const slot = boot.loads.whole('program', id);
  if (slot === undefined || slot.image === null)
    return no(Code.NOT_FOUND, Detail.UNSPECIFIED, `program ${id.slice(0, 16)} is not staged`);
  if (slot.state.kind === 'active') return DONE;
  const expected = hex(request.expectActiveId);
  const actual = boot.active?.id ?? '';
  if (expected !== '' && expected !== actual) {
    const message = `the active program is ${actual.slice(0, 16) || 'none'}, not ${expected.slice(0, 16)}`;
    return no(Code.FAILED_PRECONDITION, Detail.PROGRAM_CHANGED, message);
  }
  const program = decodeProgram(slot.image, boot.options.capabilities);
  if (!program.ok) return { status: program.status };
  const refused = coreRefusal(() => boot.gate.core.load(program.value));
  if (refused !== null) return { status: refused };
  boot.loads.setActive(slot);
  const { units, noiseTemperatureCode } = program.value;
  boot.active = { id, units, noiseTemperatureCode };
  return DONE;
}

/** What a run of any kind is answered with before its plan is looked at; null: it may start. */
function beforeRun({ engine, faults }: Boot, token: bigint): Reply | null {
  const accepted = engine.acceptedFor(token);
  if (accepted !== null) return { status: OK_STATUS, body: { type: 'runAccepted', value: accepted } };
  if (engine.live) return no(Code.FAILED_PRECONDITION, Detail.UNSPECIFIED, `run ${engine.run} is active`);
  const fault = faults.list[0];
  if (fault === undefined) return null;
  return no(Code.FAILED_PRECONDITION, DETAIL_OF_FAULT[fault.code], 'a fault is latched: clear it first');
}

function startRun(boot: Boot, request: StartRun): Reply {
  const { active, options } = boot;
  const answer = beforeRun(boot, request.runToken);
  if (answer !== null) return answer;
  if (active === null) {
    return no(
      Code.FAILED_PRECONDITION,
      Detail.NO_ACTIVE_PROGRAM,
      'no program is active: load and activate one',
    );
  }
  if (hex(request.programId) !== active.id) {
    const message = `the active program is ${active.id.slice(0, 16)}, not ${hex(request.programId).slice(0, 16)}`;
    return no(Code.FAILED_PRECONDITION, Detail.PROGRAM_CHANGED, message);
  }
  const { capabilities, drawSeed } = options;
  const { units, noiseTemperatureCode } = active;
  const field = boot.loads.field.bind(boot.loads);
  return begin(boot, planRun(request, { capabilities, units, noiseTemperatureCode, field, drawSeed }));
}

function readReference(boot: Boot, request: ReadReference): Reply {
  const { capabilities, drawSeed } = boot.options;
  return beforeRun(boot, request.runToken) ?? begin(boot, planReference(request, { capabilities, drawSeed }));
}

/** Starts a plan that the core agrees with. */
function begin(boot: Boot, plan: Outcome<RunPlan>): Reply {
  if (!plan.ok) return { status: plan.status };
  const { sampleRingBytes } = boot.options.limits;
  const refused = coreRefusal(() => boot.gate.core.check(firstBatch(plan.value, sampleRingBytes)));
  if (refused !== null) return { status: refused };
  const value = boot.engine.start(plan.value, boot.handshake.session?.hostWindowBytes ?? 0);
  return { status: OK_STATUS, body: { type: 'runAccepted', value } };
}

/** Runs something of the core; its refusal as a status, null when it accepts. */
function coreRefusal(attempt: () => void): Status | null {
  try {
    attempt();
    return null;
  } catch (error) {
    if (error instanceof CoreRefusal) return statusOfCoreRefusal(error);
    throw error;
  }
}

const DETAIL_OF_FAULT: Record<FaultCode, Detail> = {
  [FaultCode.UNSPECIFIED]: Detail.UNSPECIFIED,
  [FaultCode.OVER_TEMP]: Detail.OVER_TEMP,
  [FaultCode.SUPPLY]: Detail.SUPPLY,
  [FaultCode.ADC_SATURATED]: Detail.ADC_SATURATED,
  [FaultCode.DAC_READBACK]: Detail.DAC_READBACK,
  [FaultCode.MEMORY_ECC]: Detail.MEMORY_ECC,
  [FaultCode.WATCHDOG]: Detail.WATCHDOG,
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
