// What jobs cost: joules from the meters of the board, and where each attempt stands in the heat ledger.
export { budgetSpent, utcDay_ms, type SpentBudget } from './budget.ts';
export { totalEnergy_J } from './energy.ts';
export { effectiveSamples, heatEntries, unmetered } from './entries.ts';
export { AttemptMeter, DeviceMeters, type AttemptEnergy } from './meter.ts';
