import { describe, expect, it } from 'vitest';
import { collectRequirement, type Require } from './require-flag.ts';

const all = (...texts: string[]): Require =>
  texts.reduce<Require>((before, text) => collectRequirement(text, before), {});

describe('--require', () => {
  it('takes each requirement by its name', () => {
    expect(
      all('noiseTemperature=0.98..1.02', 'maxCalibrationAge_s=7200', 'maxDieTemperature_C=-5.5'),
    ).toEqual({
      noiseTemperature: [0.98, 1.02],
      maxCalibrationAge_s: 7200,
      maxDieTemperature_C: -5.5,
    });
  });

  it.each([
    ['', /none of noiseTemperature, maxCalibrationAge_s, maxDieTemperature_C/],
    ['temperature=5', /none of/],
    ['toString=5', /none of/],
    ['noiseTemperature', /lowest and highest, such as/],
    ['noiseTemperature=1', /lowest and highest/],
    ['noiseTemperature=1..2..3', /lowest and highest/],
    ['noiseTemperature=..1', /lowest and highest/],
    ['maxCalibrationAge_s=', /seconds/],
    ['maxCalibrationAge_s=2h', /seconds/],
    ['maxDieTemperature_C=Infinity', /degrees/],
  ])('refuses %j', (text, message) => {
    expect(() => all(text)).toThrow(message);
  });

  it('refuses the same one twice', () => {
    expect(() => all('maxDieTemperature_C=5', 'maxDieTemperature_C=6')).toThrow(/there already/);
  });
});
