/**
 * Who may ask: decisions about a request before anything else looks at it. Host names (DNS rebinding), origins (web
 * pages), the token, the user at the other end of the connection, and the form of the target. Shared by core and
 * proxy-data so that both decide alike. Knows no route and no body, and keeps no state but a cache per socket.
 *
 * Read `guard.ts` first: it is the order of the checks. Every other file is one check.
 */
export type { Guard, GuardedRequest, GuardOptions } from './guard.ts';
export { askTokenField, createGuard } from './guard.ts';
export type { OwnPorts } from './host.ts';
export { hostProblem } from './host.ts';
export type { Area } from './origin.ts';
export { originProblem } from './origin.ts';
export type { PeerCheck, PeerSocket, PeerVerdict } from './peer-user.ts';
export { createPeerCheck } from './peer-user.ts';
export type { PipedKind, PipedRequest } from './piped.ts';
export { pipedField, pipedRefusal, pipedRequest, pipedValue } from './piped.ts';
export type { StrictTarget } from './target.ts';
export { isProblem, strictTarget, taggedPath } from './target.ts';
export { tokenFrom, tokenMatches } from './token.ts';
