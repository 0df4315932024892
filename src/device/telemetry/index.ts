// Telemetry of a device: names, history, and the feed that fills them.
export { TelemetryFeed, PERIOD_DEFAULT_MS } from './feed.ts';
export type { TelemetryReading, TelemetryStatus } from './feed.ts';
export { HISTORY_MS, SLOT_MS, TelemetryHistory } from './history.ts';
export type { Series, SeriesQuery, TelemetryValues } from './history.ts';
export { metricsOf, telemetryMetrics, valuesOf } from './metrics.ts';
export type { TelemetryMetric } from './metrics.ts';
