import type { RouteRule, RouteTarget } from '#config';
import { explainRoute } from '#routing';
import type { GlobalOptions } from './global-options.ts';
import { print, printable, printJson } from './output.ts';
import { readConfig } from './read-config.ts';

/** Prints the rules in the order in which they are tried, and where everything else goes. */
export async function listRoutes(options: GlobalOptions & { readonly json?: true }): Promise<void> {
  const { routing } = (await readConfig(options)).config.data;
  if (options.json) {
    printJson({ v: 1, routes: routing.routes, default_provider: routing.defaultProvider });
    return;
  }
  for (const rule of routing.routes) print(printable(ruleLine(rule)));
  print(`everything else → ${routing.defaultProvider}`);
}

export interface ExplainOptions extends GlobalOptions {
  readonly agent?: string;
  readonly model?: string;
  readonly session?: string;
  readonly tag?: string;
  readonly class?: string;
  readonly path?: string;
  readonly tool?: string;
  readonly header?: readonly string[];
  readonly thinking?: true;
  readonly json?: true;
}

/** Says where such a request would go and why; asks the configuration, not a running service. */
export async function explainRoutes(options: ExplainOptions): Promise<void> {
  const { routing } = (await readConfig(options)).config.data;
  const now = new Date();
  const explained = explainRoute(
    {
      ...options,
      tools: options.tool === undefined ? undefined : [options.tool],
      isThinking: options.thinking,
      headers: (options.header ?? []).flatMap((header) => {
        const at = header.indexOf('=');
        return at < 0 ? [header, ''] : [header.slice(0, at), header.slice(at + 1)];
      }),
      minuteOfDay: now.getHours() * 60 + now.getMinutes(),
    },
    routing,
  );
  if (options.json) {
    printJson({ v: 1, ...explained });
    return;
  }
  const { provider, model, reason } = explained;
  const where =
    provider === null ? 'nowhere' : targetText({ provider, ...(model === null ? {} : { model }) });
  print(printable(where));
  print(printable(`because: ${reason}`));
}

function ruleLine({ name, when, to, fallback = [], because }: RouteRule): string {
  const conditions = Object.entries(when).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
  const reason = because === undefined ? '' : `  # ${because}`;
  const others = fallback.length === 0 ? '' : `, else ${fallback.map(targetText).join(', ')}`;
  return `${name}: ${conditions.join(', ') || 'every request'} → ${targetText(to)}${others}${reason}`;
}

function targetText({ provider, model, among }: RouteTarget): string {
  if (among !== undefined) {
    const names = among.candidates.map((each) => `${targetText(each)} (weight ${each.weight})`);
    return `${names.join(', ')} by ${among.by}`;
  }
  return model === undefined ? provider : `${provider}:${model}`;
}
