// The public face of the monitoring: everything above imports from here.
export { finalJobStates, metricCatalogue } from './catalogue.ts';
export type { MetricEntry, MetricName } from './catalogue.ts';
export type { LinkDetail } from './link-detail.ts';
export { createMonitoring } from './registry.ts';
export type {
  CalibrationReport,
  DeviceReading,
  JobReport,
  LinkReading,
  Monitoring,
  MonitoringOptions,
} from './registry.ts';
export { listenForScrapes } from './listener.ts';
export type { MetricsListener } from './listener.ts';
