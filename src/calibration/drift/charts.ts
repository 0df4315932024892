// Control charts: whether a quantity that is measured again and again is still what it was. Pure.
//
// Both start from a baseline that is itself measured, so its error is part of every standard error here. False alarms, from
// simulation with a baseline of BASELINE_ROUNDS_MIN rounds (charts.test.ts): CUSUM one in more than 3,000 rounds on average.

/** Weight of the newest round: a change that one round can show is seen in that round. */
export const EWMA_WEIGHT = 0.7;
/**
 * Slack and decision limit of the CUSUM, in standard errors of a round. The slack is three times what the error of the baseline
 * comes to, because that stays as it is from round to round and would add up.
 */
export const CUSUM_SLACK = 1.25;
export const CUSUM_LIMIT = 6;
/** Rounds before a chart judges. */
export const BASELINE_ROUNDS_MIN = 6;

/** Estimates of one round, and their standard errors. */
export interface Estimates {
  value: Float64Array;
  stderr: Float64Array;
}

/** Mean of the rounds right after a calibration, each weighed by its error. */
export class Baseline {
  rounds = 0;
  readonly #sum: Float64Array;
  readonly #weight: Float64Array;

  constructor(size: number) {
    this.#sum = new Float64Array(size);
    this.#weight = new Float64Array(size);
  }

  get isEnough(): boolean {
    return this.rounds >= BASELINE_ROUNDS_MIN;
  }

  add({ value, stderr }: Estimates): void {
    for (let k = 0; k < value.length; k++) {
      const weight = 1 / stderr[k] ** 2;
      this.#sum[k] += weight * value[k];
      this.#weight[k] += weight;
    }
    this.rounds++;
  }

  value(k: number): number {
    return this.#sum[k] / this.#weight[k];
  }

  variance(k: number): number {
    return 1 / this.#weight[k];
  }
}

/** Exponentially weighted mean of the rounds since the baseline, of many quantities at once, with the exact variance. */
export class EwmaChart {
  readonly baseline: Baseline;
  readonly #mean: Float64Array;
  readonly #variance: Float64Array;
  #rounds = 0;

  constructor(baseline: Baseline, size: number) {
    this.baseline = baseline;
    this.#mean = new Float64Array(size);
    this.#variance = new Float64Array(size);
  }

  get rounds(): number {
    return this.#rounds;
  }

  add({ value, stderr }: Estimates): void {
    // The first round is the mean of one round, and not a step away from the baseline.
    const weight = this.#rounds === 0 ? 1 : EWMA_WEIGHT;
    for (let k = 0; k < value.length; k++) {
      this.#mean[k] += weight * (value[k] - this.#mean[k]);
      this.#variance[k] = weight ** 2 * stderr[k] ** 2 + (1 - weight) ** 2 * this.#variance[k];
    }
    this.#rounds++;
  }

  /** Change since the baseline. */
  change(k: number): number {
    return this.#mean[k] - this.baseline.value(k);
  }

  stderr(k: number): number {
    return Math.sqrt(this.#variance[k] + this.baseline.variance(k));
  }
}

/** Two-sided cumulative sum of one quantity: finds small shifts that stay. */
export class CusumChart {
  #up = 0;
  #down = 0;

  /** @param z of this round against the baseline, the error of both in it */
  add(z: number): void {
    this.#up = Math.max(0, this.#up + z - CUSUM_SLACK);
    this.#down = Math.max(0, this.#down - z - CUSUM_SLACK);
  }

  /** Above 1: alarm. */
  get ratio(): number {
    return Math.max(this.#up, this.#down) / CUSUM_LIMIT;
  }
}
