// The chapter of docs/api.md about keys and what limits them.
export const KEYS_CHAPTER = `## Keys

A key is \`tlk_<id>_<secret>\`. The secret is in the answer of \`POST /v1/keys\` and nowhere else: the service keeps its SHA-256. A key has a role and the
scopes of that role or fewer, an expiry (\`expiresAt\`), and limits:

| Limit | What it means |
|---|---|
| \`devices\` | the only devices it may use; \`null\`: all. It may still read about the others |
| \`backends\` | the only kinds of device it may use (\`chip\`, \`twin\`, \`replay\`); \`null\`: all. Before its first handshake a device counts as a chip |
| \`maxPriority\` | the highest priority of its jobs (403 above it; a job that names none has \`normal\`) |
| \`requestsPerMinute\` | instead of the rate limit of the service; 0: exempt, which only a key with \`keys:admin\` can grant |
| \`queuedJobsMax\` | jobs that wait at the same time, queued and held; one more gets \`429 queue-full\` |
| \`storageBytesMax\` | bytes of its models and samples together |
| \`energyPerDay_J\` | joules that its jobs may use in a UTC day, on all devices, by the heat ledger. When they are spent a new job gets \`429 energy-budget-spent\` (with \`"onUnmet": "wait"\` it is accepted) and those that wait are held (\`budget\`) until midnight UTC; what runs is not cut short |
| \`cidr\` | networks it may come from, \`["192.0.2.0/24", "2001:db8::/32"]\`; empty: from anywhere. The address is that of the connection: behind a proxy, the proxy's |

\`PATCH /v1/keys/{id}\` edits name, scopes, named chips, limits and expiry; what is not named stays. It needs \`If-Match\` with the \`ETag\` of
\`GET /v1/keys/{id}\`: without it 428, with an old one 412. The sockets of the key are closed, so that they come back with what holds now. A key that was
made by an older version keeps the scopes its role had then; an edit with \`scopes\` gives it newer ones. Whoever holds \`keys:admin\` can make any key:
limits of such a key bind itself, not those it makes.

Jobs belong to the key that submitted them: others see them with \`job:read:all\` alone. A model belongs to every key that has
uploaded it: others read it with \`model:read:all\` alone. It can be deleted by each for itself, and its content goes with the last. Whoever knows its digest may run it.

\`POST /v1/tickets\` gives a ticket for one socket, \`tlt_<secret>\`: for 30 s \`GET /v1/ws?ticket=...\` opens once with it, as the key that asked for it. That is
for browsers, which cannot send a header there. A ticket is used up in the database, so also where several hosts share it; its secret is kept as a hash.

\`GET /v1/audit\` (\`audit:read\`) tells who did what, newest first, by \`key\`, \`action\`, \`target\` and \`since\`. Every write that takes effect has one row, in the
transaction of its effect; a refused write of a known key has one with \`outcome\` \`refused: <code>\`.
`;
