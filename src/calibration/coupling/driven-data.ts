// What a driven run is to the estimators: settled states of every unit under known forces, and what was programmed.

export interface DrivenData {
  /** Readout codes, [patterns][samples][units]. */
  codes: Int16Array;
  patterns: number;
  /** Independent states of each pattern. */
  samples: number;
  units: number;
  /** x per code. */
  stateScale: number;
  /** [patterns][units], E0, as the device's converter makes them. */
  force_E0: Float64Array;
  /** N x N row-major, E0, as programmed. */
  couplings_E0: Float64Array;
  /** code * stateScale = gain * x + offset + noise. */
  readout: { gain_ratio: Float64Array; offset_x: Float64Array; noise_x: Float64Array };
}

/** x and x^3 of the live units in every state, the readout taken off; the third power without what noise adds to its mean. */
export interface States {
  /** [patterns * samples][live] */
  x: Float64Array;
  cube: Float64Array;
  count: number;
}

export function statesOf(data: DrivenData, live: readonly number[]): States {
  const { codes, stateScale, readout, units } = data;
  const count = data.patterns * data.samples;
  const x = new Float64Array(count * live.length);
  const cube = new Float64Array(count * live.length);
  live.forEach((unit, at) => {
    const slope = stateScale / readout.gain_ratio[unit];
    const shift = readout.offset_x[unit] / readout.gain_ratio[unit];
    const noise_x = readout.noise_x[unit] / readout.gain_ratio[unit];
    const variance = noise_x * noise_x + (slope * slope) / 12;
    for (let k = 0; k < count; k++) {
      const value = codes[k * units + unit] * slope - shift;
      x[k * live.length + at] = value;
      cube[k * live.length + at] = value * (value * value - 3 * variance);
    }
  });
  return { x, cube, count };
}
