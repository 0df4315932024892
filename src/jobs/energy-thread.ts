// The thread of sample-energies.ts: energies of some states of a program.
import { energiesOfStates_E0, type EnergyProgram } from '../physics/index.ts';
import { serveThread } from '../threads/index.ts';

export interface EnergyTask {
  program: EnergyProgram;
  /** Readout codes, [states][units]. */
  states: Int16Array;
  stateScale: number;
}

serveThread<EnergyTask, Float64Array>(({ program, states, stateScale }) => ({
  value: energiesOfStates_E0(program, states, stateScale),
}));
