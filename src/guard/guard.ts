import type { AccessConfig } from '#core-config';
import { type HeaderList, headerValue, type Problem } from '#exchange';
import { hostProblem, type OwnPorts } from './host.ts';
import { type Area, originProblem } from './origin.ts';
import { createPeerCheck, type PeerCheck, type PeerSocket, type PeerVerdict } from './peer-user.ts';
import { tokenFrom, tokenMatches } from './token.ts';

/** The part of a request that is judged; Node's `IncomingMessage` has it. */
export interface GuardedRequest {
  readonly method?: string | undefined;
  readonly rawHeaders: HeaderList;
  readonly socket: PeerSocket;
}

export interface GuardOptions {
  /** Replaces the look-up of the peer's user, for tests. */
  readonly peerCheck?: PeerCheck;
}

export interface Guard {
  /**
   * Undefined when the request may go on. A promise only for the first request of a connection, while the user at
   * its other end is looked up. Never rejects.
   */
  judge(request: GuardedRequest, area: Area): Problem | undefined | Promise<Problem | undefined>;
}

/**
 * Set by the front on what it hands to proxy-data without knowing the user: proxy-data sees the front at the other
 * end, which is our own, and must not judge by that.
 */
export const askTokenField = 'x-throughline-ask-token';

/** @param ports fronts of ours included */
export function createGuard(access: AccessConfig, ports: OwnPorts, options: GuardOptions = {}): Guard {
  const peerCheck = options.peerCheck ?? createPeerCheck();
  return {
    judge(request, area) {
      const headers = request.rawHeaders;
      const problem =
        hostProblem(headers, ports, access) ?? originProblem(headers, request.method ?? 'GET', area, access);
      if (problem !== undefined) return problem;
      const hasToken = tokenMatches(tokenFrom(headers, area), access.token);
      if (hasToken) return undefined;
      const isAsked = area === 'api' && headerValue(headers, askTokenField) !== undefined;
      if (access.tokenRequired || isAsked) return { code: 'token-required' };
      if (!access.checkPeerUser) return undefined;
      const verdict = peerCheck.judge(request.socket);
      return verdict instanceof Promise
        ? verdict.then((late) => peerProblem(late, area))
        : peerProblem(verdict, area);
    },
  };
}

/** Where nobody can tell the user, only what was recorded is worth a token; `v1` needs the client's own key. */
function peerProblem(verdict: PeerVerdict, area: Area): Problem | undefined {
  if (verdict === 'own') return undefined;
  if (verdict === 'foreign') return { code: 'foreign-user' };
  return area === 'api' ? { code: 'token-required' } : undefined;
}
