// Drift: probes between jobs, charts over them, and who has moved.
export * from './charts.ts';
export * from './family.ts';
export * from './field-response.ts';
export * from './pairs.ts';
export * from './patterns.ts';
export * from './readings.ts';
export * from './watch.ts';
export * from './zero-coupling.ts';
