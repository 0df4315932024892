// Who may do what: the one matrix of role, scope and route. The guard reads it, the test walks through all of it.
// A route that is not listed here cannot be registered (plugins/authentication.ts).

export const scopes = [
  'device:read',
  'device:control',
  /** The safe stop alone: a key for the red button needs nothing else. */
  'device:stop',
  'lease:write',
  'model:read',
  'model:read:all',
  'model:write',
  /** Own models. */
  'model:delete',
  'model:delete:all',
  'job:submit',
  'job:read',
  'job:read:all',
  'job:cancel:all',
  /** Own jobs that have ended, with their samples. */
  'job:delete',
  'job:delete:all',
  'calibration:run',
  'calibration:activate',
  'twin:fault',
  'capture:read',
  'webhook:manage',
  'audit:read',
  'metrics:read',
  'keys:admin',
  /** Held by the bootstrap key alone: it can make keys and nothing else. */
  'keys:create',
] as const;
export type Scope = (typeof scopes)[number];

const viewer = [
  'device:read',
  'model:read',
  'model:read:all',
  'job:read',
  'job:read:all',
  'metrics:read',
] as const;
const researcher = [
  'device:read',
  'model:read',
  'model:write',
  'model:delete',
  'job:submit',
  'job:read',
  'job:delete',
  'calibration:run',
  'lease:write',
  'webhook:manage',
] as const;
const operator = [
  ...new Set<Scope>([
    ...researcher,
    ...viewer,
    'device:control',
    'device:stop',
    'job:cancel:all',
    'calibration:activate',
    'twin:fault',
    'capture:read',
  ]),
];

export const roles: Record<string, readonly Scope[]> & Record<Role, readonly Scope[]> = {
  viewer,
  researcher,
  operator,
  /** As researcher, but a chip only where the key names the device. */
  ci: researcher,
  admin: [...operator, 'model:delete:all', 'job:delete:all', 'audit:read', 'keys:admin'],
  bootstrap: ['keys:create'],
};
/** Roles a key can be given; `bootstrap` is made by the service alone. */
export const grantableRoles = ['viewer', 'researcher', 'operator', 'ci', 'admin'] as const;
export type Role = (typeof grantableRoles)[number] | 'bootstrap';

/** What a route asks for: nothing, any valid key that has one of the scopes. */
export type Access = 'public' | readonly [Scope, ...Scope[]];

export const routeAccess: Readonly<Record<string, Access>> = {
  'GET /healthz': 'public',
  'GET /readyz': 'public',
  'GET /openapi.json': 'public',
  'GET /asyncapi.json': 'public',
  'GET /docs': 'public',
  'GET /docs/*': 'public',
  'GET /problems': 'public',
  'GET /problems/:code': 'public',
  'GET /v1/certificate-keys': 'public',
  'GET /v1/about': ['device:read'],
  'GET /v1/devices': ['device:read'],
  'GET /v1/devices/:id': ['device:read'],
  'GET /v1/devices/:id/capabilities': ['device:read'],
  'GET /v1/devices/:id/telemetry': ['device:read'],
  /** Own jobs and the device itself; all jobs with job:read:all. */
  'GET /v1/devices/:id/heat': ['device:read'],
  'GET /v1/devices/:id/drift': ['device:read'],
  'POST /v1/devices/:id/clear-fault': ['device:control'],
  'GET /v1/devices/:id/state': ['device:read'],
  'PUT /v1/devices/:id/state': ['device:control'],
  'POST /v1/devices/:id/safe-stop': ['device:stop'],
  'POST /v1/devices/:id/resume': ['device:control'],
  'POST /v1/devices/:id/leases': ['lease:write'],
  'GET /v1/devices/:id/leases': ['device:read'],
  'GET /v1/devices/:id/leases/:lease': ['device:read'],
  'PUT /v1/devices/:id/leases/:lease': ['lease:write'],
  'DELETE /v1/devices/:id/leases/:lease': ['lease:write', 'device:control'],
  'POST /v1/models': ['model:write'],
  'GET /v1/models': ['model:read'],
  'GET /v1/models/:digest': ['model:read'],
  'DELETE /v1/models/:digest': ['model:delete', 'model:delete:all'],
  'POST /v1/jobs': ['job:submit'],
  'POST /v1/jobs/batch': ['job:submit'],
  'POST /v1/jobs/validate': ['job:submit'],
  'GET /v1/jobs': ['job:read'],
  'GET /v1/jobs/:id': ['job:read'],
  'PATCH /v1/jobs/:id': ['job:submit', 'job:cancel:all'],
  'GET /v1/jobs/:id/timing': ['job:read'],
  'GET /v1/jobs/:id/log': ['job:read'],
  'POST /v1/jobs/:id/cancel': ['job:submit', 'job:cancel:all'],
  'DELETE /v1/jobs/:id': ['job:delete', 'job:delete:all'],
  'GET /v1/jobs/:id/samples': ['job:read'],
  'GET /v1/jobs/:id/certificate': ['job:read'],
  'GET /v1/jobs/:id/certificate/addenda': ['job:read'],
  'POST /v1/calibrations': ['calibration:run'],
  'GET /v1/calibrations': ['device:read'],
  'GET /v1/calibrations/:id': ['device:read'],
  'GET /v1/twins': ['device:read'],
  'GET /v1/twins/:id': ['device:read'],
  'GET /v1/twins/:id/faults': ['device:read'],
  'PUT /v1/twins/:id/faults': ['twin:fault'],
  'DELETE /v1/twins/:id/faults': ['twin:fault'],
  'DELETE /v1/twins/:id/faults/:fault': ['twin:fault'],
  'POST /v1/captures': ['device:control'],
  'GET /v1/captures': ['capture:read'],
  'GET /v1/captures/:id': ['capture:read'],
  'DELETE /v1/captures/:id': ['device:control'],
  'GET /v1/calibrations/:a/diff/:b': ['device:read'],
  'GET /v1/devices/:id/calibration': ['device:read'],
  'PUT /v1/devices/:id/calibration': ['calibration:activate'],
  'GET /v1/keys': ['keys:admin'],
  'GET /v1/keys/:id': ['keys:admin'],
  'POST /v1/keys': ['keys:admin', 'keys:create'],
  'PATCH /v1/keys/:id': ['keys:admin'],
  'DELETE /v1/keys/:id': ['keys:admin'],
  'POST /v1/tickets': ['device:read'],
  'POST /v1/webhooks': ['webhook:manage'],
  'GET /v1/webhooks': ['webhook:manage'],
  'GET /v1/webhooks/:id': ['webhook:manage'],
  'DELETE /v1/webhooks/:id': ['webhook:manage'],
  'GET /v1/webhooks/:id/deliveries': ['webhook:manage'],
  'GET /v1/audit': ['audit:read'],
  'GET /v1/ws': ['device:read'],
  'GET /v1/events': ['device:read'],
};

/** Routes that also take a ticket (`?ticket=`): browsers cannot send a header with what they open there. */
export const ticketRoutes: readonly string[] = ['GET /v1/ws', 'GET /v1/events'];

/** The access of a registered route; HEAD is as GET, everything below /docs/ belongs to the docs page. */
export function accessOf(method: string, url: string): Access | undefined {
  const verb = method === 'HEAD' ? 'GET' : method;
  const path = url.startsWith('/docs/') ? '/docs/*' : url;
  return routeAccess[`${verb} ${path}`];
}
