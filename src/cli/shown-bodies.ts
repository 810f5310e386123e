/** The bodies of a request that can be shown, as the API calls them. */
export const shownBodies = ['request', 'response', 'provider-request', 'provider-response'] as const;
export type ShownBody = (typeof shownBodies)[number];
