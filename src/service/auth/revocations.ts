// Keys that another host revoked: their sockets here are closed as well (decision 21). Where one process has the database
// nothing is ever heard, and the route that revokes closes them itself.
import type { Store } from '../../store/index.ts';

/**
 * @param onRevoked called with the id of the key
 * @param onError the key could not be read again; its sockets stay until they expire
 * @returns ends it
 */
export function hearRevocations(
  store: Pick<Store, 'onChange' | 'keys'>,
  onRevoked: (keyId: string) => void,
  onError: (error: unknown) => void,
): () => void {
  return store.onChange(({ table, id }) => {
    if (table !== 'key') return;
    // Uses are noted in the same row, once a minute: those are nothing.
    store.keys.find(id).then((row) => {
      if (row !== null && row.revokedAt_ms !== null) onRevoked(id);
    }, onError);
  });
}
