// What the chip is, in pure functions: models, codes, images, energy, heat, thermometer, estimators, array files.
export * from './errors.ts';
export * from './model.ts';
export * from './packing.ts';
export * from './quantise.ts';
export * from './image.ts';
export * from './samples.ts';
export * from './energy.ts';
export * from './equilibrium.ts';
export * from './statistics.ts';
export * from './prototypes.ts';
export * from './npy.ts';
export { unpackedBytesOf } from './zip.ts';
export * from './zip-layout.ts';
export * from './model-file.ts';
export * from './safetensors.ts';
export * from './linear-system.ts';
export * from './bqm-file.ts';
export * from './spin-model.ts';
