// The public face of the service: everything above imports from here.
export { createService } from './app.ts';
export type { ServiceDevice, ServiceOptions } from './context.ts';
export { ensureBootstrapKey } from './auth/bootstrap.ts';
export { scrapeGuard } from './auth/scrape-guard.ts';
export { routeAccess, roles } from './auth/matrix.ts';
export { feedMonitoring, readingOf } from './metrics-feed.ts';
export { problemsMarkdown } from './problems/page.ts';
export { problemCodes, problemTable } from './problems/table.ts';
export { Captures } from './captures/captures.ts';
export type { FrozenLine, LineRecorder } from './captures/captures.ts';
export { deliverWebhooks } from './webhooks/deliverer.ts';
export { isAllowEntry, WebhookTargets } from './webhooks/targets.ts';
export type { TwinChannel } from './twins/channel.ts';
