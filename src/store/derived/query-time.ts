/** How long one query may look at rows one by one. In milliseconds. */
export const queryTimeMs = 5_000;
