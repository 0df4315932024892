// The thermal part of the chip as its firmware and its profile see it.
export { ambientTemperature_C, ThermalChain } from './chain.ts';
export type { ChainState } from './chain.ts';
export { ambientSchema, defaultThermal, isSensitive, LEAKAGE_FACTOR_MAX, thermalSchema } from './schema.ts';
export type { Ambient, ThermalParameters } from './schema.ts';
export { atTemperature, couplingGain_ratio, noiseTemperature_ratio, offset_E0 } from './sensitivity.ts';
export { IDLE, PHASES, PROGRAM, runActivity, saturatedCodes, ThermalModel } from './thermal-model.ts';
export type { Activity, RailReading, ThermalPhase, ThermalReading } from './thermal-model.ts';
