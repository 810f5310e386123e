import type { DataConfig } from '#config';
import { createGuard, isProblem, strictTarget } from '#guard';
import type { EntranceRules } from './entrance.ts';

/**
 * The rules of the guard, which core and proxy-data share.
 * @param ports through which we are reached; may grow while listeners are being opened
 */
export function entranceRules(access: DataConfig['access'], ports: ReadonlySet<number>): EntranceRules {
  const guard = createGuard(access, ports);
  return {
    allowedOrigins: access.allowedOrigins,
    judge: (request) => guard.judge(request, 'api'),
    judgeTarget: (target) => {
      const judged = strictTarget(target);
      return isProblem(judged) ? judged : undefined;
    },
  };
}
