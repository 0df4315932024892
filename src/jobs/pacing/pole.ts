// One thermal R-C pole, C dT/dt = P - (T - T_next)/R for one store of heat and the one that it gives its heat to, fitted from
// readings as they come. Recursive least squares for 1/(RC) and 1/C over the exact balance of an interval,
//   T1 - T0 = -(1/RC) int (T - T_next) dt + (1/C) E,
// where E is the energy that went in. The integral is that of the exponential between the two readings, so that readings may lie
// further apart than the pole is fast. Pure: no clock.

/** Error of a difference of two readings, degrees: resolution of the sensors, and what a second pole does meanwhile. */
const READING_C = 0.05;
/** Prior standard deviations of 1/(RC) in 1/s and of 1/C in C/J: any board that is slower than a tenth of a second. */
const PRIOR = 10;
/** An interval that is predicted this well teaches nothing, and makes nothing forgotten. */
const NEWS_C = READING_C / 2;
/** Of what was learned so much is kept for every interval that teaches something. */
const KEEP = 0.995;
/** R, and R C, are known when their relative standard errors are below these. */
const R_KNOWN = 0.1;
const TAU_KNOWN = 0.3;

/** One interval between two readings. */
export interface PoleInterval {
  duration_s: number;
  /** Excess over the next store at its ends, degrees. */
  before_C: number;
  after_C: number;
  /** By so much the store itself became warmer. */
  warmed_C: number;
  /** Electrical energy that became heat in it. */
  energy_J: number;
}

export class RcPole {
  /** 1/(RC), 1/s. */
  #rate = 0;
  /** 1/C, C/J. */
  #heating = 0;
  #vRate = PRIOR ** 2;
  #vHeating = PRIOR ** 2;
  #covariance = 0;
  #intervals = 0;

  /** Learns from an interval; what is not finite, or takes no time, is left out. */
  add({ duration_s, before_C, after_C, warmed_C, energy_J }: PoleInterval): void {
    if (!(duration_s > 0) || ![before_C, after_C, warmed_C, energy_J].every(Number.isFinite)) return;
    const w = weightOfEnd(this.#rate * duration_s);
    const a = -((1 - w) * before_C + w * after_C) * duration_s;
    const error_C = warmed_C - this.#rate * a - this.#heating * energy_J;
    const isNews = Math.abs(error_C) > NEWS_C || this.#intervals < 3;
    this.#intervals++;
    const keep = isNews ? KEEP : 1;
    const pa = (this.#vRate * a + this.#covariance * energy_J) / keep;
    const pe = (this.#covariance * a + this.#vHeating * energy_J) / keep;
    const total = READING_C ** 2 + a * pa + energy_J * pe;
    this.#rate += (pa / total) * error_C;
    this.#heating += (pe / total) * error_C;
    this.#vRate = this.#vRate / keep - (pa * pa) / total;
    this.#vHeating = this.#vHeating / keep - (pe * pe) / total;
    this.#covariance = this.#covariance / keep - (pa * pe) / total;
  }

  /** Thermal resistance; null before it is known to 10 %. */
  get resistance_C_per_W(): number | null {
    const [rate, heating] = [this.#rate, this.#heating];
    if (!(rate > 0 && heating > 0)) return null;
    const relative2 =
      this.#vRate / rate ** 2 + this.#vHeating / heating ** 2 - (2 * this.#covariance) / (rate * heating);
    return relative2 < R_KNOWN ** 2 ? heating / rate : null;
  }

  /** R C; null before it is known to 30 %. */
  get tau_s(): number | null {
    return this.#rate > 0 && this.#vRate < (TAU_KNOWN * this.#rate) ** 2 ? 1 / this.#rate : null;
  }

  /** Null before resistance and time are known. */
  get parameters(): PoleParameters | null {
    const { resistance_C_per_W, tau_s } = this;
    return resistance_C_per_W === null || tau_s === null ? null : { resistance_C_per_W, tau_s };
  }
}

export interface PoleParameters {
  resistance_C_per_W: number;
  tau_s: number;
}

/** Of the energy that went into a store, what it has passed on: all but what made it warmer itself. */
export function passedOn_J(pole: PoleParameters | null, energy_J: number, warmed_C: number): number {
  return pole === null ? energy_J : energy_J - (pole.tau_s / pole.resistance_C_per_W) * warmed_C;
}

/** Excess after `duration_s` of a constant power. */
export function excessAfter_C(
  { resistance_C_per_W, tau_s }: PoleParameters,
  from_C: number,
  power_W: number,
  duration_s: number,
): number {
  const settled_C = resistance_C_per_W * power_W;
  return settled_C + (from_C - settled_C) * Math.exp(-duration_s / tau_s);
}

/**
 * Where between its ends an exponential has its mean, from 1/2 for a short interval to 1 for one that is long against R C:
 * 1/(1 - exp(-z)) - 1/z with z = duration / (R C).
 */
function weightOfEnd(z: number): number {
  if (!(z > 1e-3)) return 1 / 2;
  return 1 / -Math.expm1(-z) - 1 / z;
}
