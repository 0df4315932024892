// A program that nobody wants, for measuring how fast one is loaded: random couplings inside the ranges of the device, new
// at every call, so that no part of it is in the device already.
import { randomFillSync } from 'node:crypto';
import type { BlockRange as StatedRange, Capabilities } from '../../link/index.ts';
import { emptyModel, encodeProgramImage, quantise, type BlockRange } from '../../physics/index.ts';

export function scratchProgram(units: number, stated: Capabilities): Uint8Array {
  const range = (block: StatedRange | undefined): BlockRange | undefined =>
    block && { fullScaleMin_E0: block.fullScaleMin, fullScaleMax_E0: block.fullScaleMax };
  const ranges = {
    coupling: range(stated.coupling),
    bias: range(stated.bias),
    field: range(stated.field),
    j2: range(stated.j2),
    j4: range(stated.j4),
    noiseTemperature: range(stated.noiseTemperature),
    stateScale: stated.stateScale,
  };
  const middle = (block: BlockRange | undefined): number =>
    block === undefined ? 1 : Math.sqrt(block.fullScaleMin_E0 * block.fullScaleMax_E0);
  const model = emptyModel(units);
  const random = randomFillSync(new Int16Array(units * units));
  const coupling_E0 = middle(ranges.coupling) / 2;
  for (let i = 0; i < units; i += 1) {
    for (let j = i + 1; j < units; j += 1) {
      const value = (coupling_E0 * random[i * units + j]) / 0x8000;
      model.couplings[i * units + j] = model.couplings[j * units + i] = value;
    }
  }
  model.biases.fill(middle(ranges.bias) / 2);
  model.j2.fill(middle(ranges.j2) / 2);
  model.j4.fill(middle(ranges.j4) / 2);
  model.noiseTemperature_E0 = middle(ranges.noiseTemperature) / 2;
  return encodeProgramImage(quantise(model, ranges));
}
