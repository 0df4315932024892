// Faults on demand: what can be planted, what is planted, and what it does to the core and the sensors.
export { CoreFaultEffects } from './core-faults.ts';
export { FaultError } from './errors.ts';
export type { FaultErrorCode } from './errors.ts';
export { FAULTS_MAX, FaultRegistry } from './registry.ts';
export type { FaultRegistryOptions, FaultView, PlantedFault } from './registry.ts';
export { faultSchema, faultTarget, parseFault } from './schema.ts';
export type { FaultInput, FaultLimits, FaultSpec, FaultTarget } from './schema.ts';
export { SensorFaultEffects } from './sensor-faults.ts';
export { FAULT_COMPONENTS, FAULT_TABLE, FAULT_TYPES } from './vocabulary.ts';
export type {
  CellNumber,
  FaultComponent,
  FaultType,
  ImpossibleCell,
  PossibleCell,
  SensorUnits,
} from './vocabulary.ts';
