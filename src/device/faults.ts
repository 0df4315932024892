// The faults that a device has latched, as the service knows them: from its status at the start of a session, from its
// events, and from its heartbeats, which say how many there are.
import { FaultCode, Severity, type Event, type Fault, type Link } from '../link/index.ts';

const NAMES = {
  [FaultCode.UNSPECIFIED]: 'unknown',
  [FaultCode.OVER_TEMP]: 'over-temperature',
  [FaultCode.SUPPLY]: 'supply',
  [FaultCode.ADC_SATURATED]: 'adc-saturated',
  [FaultCode.DAC_READBACK]: 'dac-readback',
  [FaultCode.MEMORY_ECC]: 'memory-ecc',
  [FaultCode.WATCHDOG]: 'watchdog',
} as const satisfies Record<FaultCode, string>;
export type DeviceFaultName = (typeof NAMES)[FaultCode];
export const deviceFaultNames = Object.values(NAMES);

const SEVERITIES = {
  [Severity.UNSPECIFIED]: 'unknown',
  [Severity.SOFT]: 'soft',
  [Severity.LATCHED]: 'latched',
  [Severity.HARD]: 'hard',
} as const satisfies Record<Severity, string>;

/** JSON-safe. */
export interface DeviceFault {
  name: DeviceFaultName;
  /** latched: runs are refused until it is cleared; hard: until a reset. */
  severity: (typeof SEVERITIES)[Severity];
  /** What the device measured, such as the die temperature; null: nothing. */
  value: number | null;
}

/** The wire's code of a fault. */
export function faultCodeOf(name: DeviceFaultName): FaultCode {
  const found = Object.entries(NAMES).find(([, own]) => own === name);
  return Number(found?.[0] ?? FaultCode.UNSPECIFIED) as FaultCode;
}

export class DeviceFaults {
  readonly #onChange: (fault: DeviceFault | null) => void;
  #list: DeviceFault[] = [];

  /** Called with a new fault, and with null when some have gone. */
  constructor(onChange: (fault: DeviceFault | null) => void) {
    this.#onChange = onChange;
  }

  get list(): readonly DeviceFault[] {
    return this.#list;
  }

  /** A session began with these. */
  attach(link: Link, faults: readonly Fault[]): void {
    this.#list = faults.map(faultOf);
    link.onEvent((event) => this.#take(event));
  }

  cleared(name: DeviceFaultName): void {
    const left = this.#list.filter((fault) => fault.name !== name);
    if (left.length === this.#list.length) return;
    this.#list = left;
    this.#onChange(null);
  }

  #take({ body }: Event): void {
    if (body?.type === 'fault') {
      const fault = faultOf(body.value);
      this.#list = [fault, ...this.#list.filter((other) => other.name !== fault.name)];
      this.#onChange(fault);
    }
    if (body?.type === 'heartbeat' && body.value.faults === 0 && this.#list.length > 0) {
      this.#list = [];
      this.#onChange(null);
    }
  }
}

function faultOf({ code, severity, value }: Fault): DeviceFault {
  return {
    name: NAMES[code],
    severity: SEVERITIES[severity],
    value: Number.isFinite(value) ? value : null,
  };
}
