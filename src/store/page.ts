// A page of a list, by id.

export interface Page {
  /** Rows at most; 50 unless told, 500 at most. */
  limit?: number;
  /** The last id of the page before. */
  after?: string;
  /** By id, that is by creation; newest first unless told. */
  order?: 'oldest-first' | 'newest-first';
}
