import { parameterCharactersMax, parametersMax, type Route } from '#api';
import { ApiProblem } from './api-problem.ts';

/**
 * The query of a request as the route's schema describes it. Of a repeated parameter the first one counts; unknown
 * ones are left out, unless the route refuses them. Throws `bad-parameter`.
 */
export function parseQuery(route: Route, search: URLSearchParams): unknown {
  // A null prototype, so that no name of a parameter means anything to the language.
  const values: Record<string, string> = Object.create(null);
  let parameters = 0;
  for (const [name, value] of search) {
    parameters += 1;
    if (parameters > parametersMax)
      throw new ApiProblem('bad-parameter', `More than ${parametersMax} parameters.`);
    if (!Object.hasOwn(route.query.shape, name)) {
      if (route.refusesUnknownParameters) {
        throw new ApiProblem('bad-parameter', 'A parameter is not known here, so nothing was done.');
      }
      continue;
    }
    if (value.length > parameterCharactersMax) {
      throw new ApiProblem(
        'bad-parameter',
        `The parameter ${name} is longer than ${parameterCharactersMax} characters.`,
      );
    }
    // An empty value is how a form says "not given"; a deletion with `before=` was not meant to delete everything.
    const isGiven = value !== '' || route.refusesUnknownParameters === true;
    if (values[name] === undefined && isGiven) values[name] = value;
  }
  const parsed = route.query.safeParse(values);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new ApiProblem('bad-parameter', `The parameter ${String(issue?.path[0] ?? '')} ${describe(issue)}.`);
}

function describe(
  issue: { code?: string | undefined; message: string; values?: unknown } | undefined,
): string {
  if (issue?.code === 'custom') return issue.message;
  if (Array.isArray(issue?.values)) return `must be one of ${issue.values.join(', ')}`;
  return 'has a value that is not understood';
}
